import type { Breach, House, Law } from './breach.ts'
import { importsOf, pathMeantBy } from './imports.ts'
import type { Import } from './imports.ts'

/** The rooms of src/ and the floor that each is on. `engines` stands for each of its folders: every engine is a room. */
export const floorOf: ReadonlyMap<string, number> = new Map([
  ...['kernel'].map(on(0)),
  ...['values'].map(on(1)),
  ...['codecs'].map(on(2)),
  ...['define'].map(on(3)),
  ...['query', 'decide', 'contract'].map(on(4)),
  ...['ports'].map(on(5)),
  ...['definitions', 'ingest', 'materialize', 'retrieve', 'monitor', 'security'].map(on(6)),
  ...['engines', 'metadata', 'testing'].map(on(6)),
  ...['orchestrate'].map(on(7)),
  ...['compose'].map(on(8)),
  ...['server', 'client'].map(on(9)),
  ...['cli'].map(on(10)),
  ...['index.ts'].map(on(11)),
])

function on(floor: number): (room: string) => [string, number] {
  return (room) => [room, floor]
}

const ENGINE_ROOM = /^src\/(engines\/[^/]+)\//
const TOP_ROOM = /^src\/([^/]+)/

/** `engines/duckdb` for a file of an engine, else the folder of src/ that a file lies in, or the file's own name. */
export function roomOf(path: string): string | undefined {
  return ENGINE_ROOM.exec(path)?.[1] ?? TOP_ROOM.exec(path)?.[1]
}

function floorOfRoom(room: string): number | undefined {
  return room.startsWith('engines/') ? floorOf.get('engines') : room === 'engines' ? undefined : floorOf.get(room)
}

export const floors: Law = {
  name: 'floors',
  demands: 'a file imports only from its own room or a lower floor; only compose/ imports engines',
  check: (house) => [...checkSources(house), ...checkOutside(house)],
}

function checkSources({ sources }: House): Breach[] {
  return [...sources.values()].flatMap((source) => {
    const room = roomOf(source.path)
    if (room === undefined) return []
    const breach = (detail: string, line?: number): Breach => ({
      law: 'floors',
      path: source.path,
      detail,
      ...(line === undefined ? {} : { line }),
    })
    if (floorOfRoom(room) === undefined) return [breach(`lies in no room of the house: ${room}`)]
    return importsOf(source).flatMap((each) => {
      const fault = faultOf(source.path, room, each)
      return fault === undefined ? [] : [breach(fault, each.line)]
    })
  })
}

function faultOf(path: string, room: string, { specifier }: Import): string | undefined {
  if (specifier === 'provender' || specifier.startsWith('provender/')) return 'imports the package by its name'
  const target = pathMeantBy(path, specifier)
  if (target === undefined) return undefined
  const targetRoom = roomOf(target)
  if (targetRoom === undefined) return `imports ${target}, which is outside of src/`
  if (targetRoom === room) return undefined
  const from = floorOfRoom(room) ?? -1
  const to = floorOfRoom(targetRoom)
  if (to === undefined) return `imports from ${targetRoom}, which is no room of the house`
  if (targetRoom.startsWith('engines/') && room !== 'compose') return `imports ${targetRoom}; only compose/ may`
  if (to === from) return `imports from ${targetRoom}: rooms of floor ${from} are strangers`
  return to < from ? undefined : `imports from ${targetRoom}, floor ${to}, above its own floor ${from}`
}

/** What lies outside of src/ and still may not see all of it. */
function checkOutside({ sources }: House): Breach[] {
  return [...sources.values()].flatMap((source) =>
    importsOf(source).flatMap((each) => {
      const { path } = source
      const target = pathMeantBy(path, each.specifier) ?? each.specifier
      const intoSource = target.startsWith('src/') || /^provender(?:\/|$)/.test(target)
      const breach = (detail: string): Breach[] => [{ law: 'floors', path, line: each.line, detail }]
      if (path.startsWith('ui/') && intoSource && !(target.startsWith('src/contract/') && each.typeOnly)) {
        return breach(`imports ${target}: ui/ sees src/contract/ only, by type`)
      }
      if (path.startsWith('bench/baselines/') && intoSource)
        return breach(`imports ${target}: a baseline sees no source`)
      return []
    }),
  )
}
