import type { onlineReaders } from '../engines.ts'
import { type Finding, counted, well, worth } from './finding.ts'

/** When that share of the places is taken, a few more processes find none. */
const fullShare = 0.8

/** Whether there are places left for readers of the online store. */
export function readersFinding(readers: Awaited<ReturnType<typeof onlineReaders>>): Finding {
  if (readers === null) return well('the online store counts none')
  const { places, taken, freed } = readers
  const left = freed === 0 ? '' : `; ${counted(freed, 'place')} of killed processes freed`
  const told = `${taken} of ${counted(places, 'place')} taken${left}`
  return taken > places * fullShare
    ? worth(told, 'Run fewer processes on this store, or wait for those that end: without a place reads fail.')
    : well(told)
}
