import type { onlineServers } from '../engines.ts'
import { type Finding, broken, counted, few, well, worth } from './finding.ts'

/** Whether the servers of the online store are set up for it. */
export function onlineServersFinding(found: Awaited<ReturnType<typeof onlineServers>>): Finding {
  if (found === null) return well('the online store has no server')
  const { servers, releases, flaws } = found
  const [first] = flaws
  if (first === undefined) return well(`${counted(servers, 'server')}, ${releases.join(' and ')}`)
  const details = few(
    flaws.map(({ detail }) => detail),
    '; ',
  )
  const [remedy] = flaws.filter(({ grave }) => grave).concat(first)
  return flaws.some(({ grave }) => grave) ? broken(details, (remedy ?? first).remedy) : worth(details, first.remedy)
}
