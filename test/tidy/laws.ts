import type { Breach, Law, Tree } from './breach.ts'
import { deadFiles } from './dead-files.ts'
import { drivers } from './drivers.ts'
import { errorCodes } from './error-codes.ts'
import { floors } from './floors.ts'
import { honestTests } from './honest-tests.ts'
import { parseHouse } from './house.ts'
import { names } from './names.ts'
import { packageMap } from './package-map.ts'
import { plainSyntax } from './plain-syntax.ts'
import { ports } from './ports.ts'
import { purity } from './purity.ts'
import { size } from './size.ts'

const syntax: Law = {
  name: 'syntax',
  demands: 'every code file can be parsed',
  check: ({ unreadable }) => unreadable,
}

/** Every law of the house. */
export const laws: readonly Law[] = [
  syntax,
  floors,
  drivers,
  ports,
  purity,
  size,
  names,
  plainSyntax,
  honestTests,
  deadFiles,
  errorCodes,
  packageMap,
]

/** All breaches of all laws in a tree. */
export function breachesIn(tree: Tree): readonly Breach[] {
  const house = parseHouse(tree)
  return laws.flatMap(({ check }) => check(house))
}
