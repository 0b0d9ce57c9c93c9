import { canonicalJson, toWire } from '../../define/wire.ts'
import type { Definitions } from '../../define/definition.ts'
import { checkColumns } from '../../definitions/check-columns.ts'
import { loadRepository } from '../../definitions/load-files.ts'
import { findSources } from '../../definitions/source-facts.ts'
import type { Call } from '../../kernel/call.ts'
import { limits } from '../../kernel/limits.ts'
import type { OfflineStore } from '../../ports/offline.ts'
import { type Finding, broken, counted, few, well, worth } from './finding.ts'

/** A version of the registry. */
export interface Head {
  readonly version: number
  readonly definitions: Definitions
}

/** Whether anything is defined. */
export function registryFinding({ version, definitions: { views, services } }: Head): Finding {
  if (version === 0) return worth('nothing has been applied yet', 'provender apply')
  return well(`version ${version}: ${counted(views.size, 'view')}, ${counted(services.size, 'service')}`)
}

/** Whether the definition files are valid, and what the registry holds. */
export async function filesFinding(dir: string, head: Head): Promise<Finding> {
  const { definitions, errors, files } = await loadRepository(dir)
  const [first] = errors
  if (first !== undefined)
    return broken(
      `${counted(errors.length, 'error')} in the definition files; the first${first.at === undefined ? '' : ` at ${first.at}`}: ${first.message}`,
      'provender validate',
    )
  const told = `${counted(files.length, 'file')}, all valid`
  if (head.version === 0) return well(told)
  return canonicalJson(toWire(definitions)) === canonicalJson(toWire(head.definitions))
    ? well(`${told}, equal to the registry`)
    : worth(`${told}, but not what registry version ${head.version} holds`, 'provender plan')
}

/** So many files make every plan and run list for seconds. */
const manyFiles = limits.sourceFiles / 2

/** Whether every source can be read and still has the columns that its views read. */
export async function sourcesFinding(
  offline: Pick<OfflineStore, 'describe'>,
  definitions: Definitions,
  call: Call,
): Promise<Finding> {
  const { facts, errors } = await findSources(offline, definitions, call)
  const wrong = [...errors, ...checkColumns(definitions, facts)]
  const [first] = wrong
  if (first !== undefined)
    return broken(
      wrong.length === 1 ? first.message : `${counted(wrong.length, 'fault')}; the first: ${first.message}`,
      first.remedy,
    )
  const empty = [...facts]
    .filter(([name, { files }]) => 'path' in (definitions.sources.get(name) ?? {}) && files.length === 0)
    .map(([name]) => name)
  if (empty.length > 0)
    return worth(`no file for ${few(empty)}`, 'Put the files where the source looks, or change its path.')
  const many = [...facts].filter(([, { files }]) => files.length > manyFiles).map(([name]) => name)
  if (many.length > 0)
    return worth(`more than ${counted(manyFiles, 'file')}: ${few(many)}`, 'Write fewer, larger files.')
  const newest = [...facts.values()].flatMap(({ files }) => files.map(({ mtimeUs }) => mtimeUs))
  const ahead = newest.filter((us) => us > BigInt(Date.now()) * 1000n + limits.aheadUs).length
  if (ahead > 0)
    return worth(`${counted(ahead, 'file')} changed in the future by this machine’s clock`, 'Set the clock right.')
  return well(
    facts.size === 0 ? 'no view reads files' : `${counted(facts.size, 'source')} that views read, all as declared`,
  )
}
