import { readFileSync } from 'node:fs'
import { type Family, familyOf } from './metric-family.ts'

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  version: string
}

const startedAtSeconds = performance.timeOrigin / 1000

/**
 * What a process tells of itself, by the names that everybody's dashboards know. (prom-client's own collector watches every
 * garbage collection and cannot be stopped again, so a program that opens and closes servers would gather watchers.)
 */
export function processFamilies(): Family[] {
  const { heapUsed, heapTotal, external, rss } = process.memoryUsage()
  const { user, system } = process.cpuUsage()
  const counter = (name: string, help: string, value: number): Family =>
    familyOf({ name, help, type: 'counter' }, [{ labels: {}, value }])
  const bytes = (name: string, help: string, value: number): Family =>
    familyOf({ name, help, type: 'gauge' }, [{ labels: {}, value }])
  return [
    counter('process_cpu_user_seconds_total', 'Processor time spent in the program', user / 1e6),
    counter('process_cpu_system_seconds_total', 'Processor time spent in the system for the program', system / 1e6),
    counter('process_cpu_seconds_total', 'Processor time spent', (user + system) / 1e6),
    bytes('process_resident_memory_bytes', 'Memory of all processes of the server', rss),
    bytes('nodejs_heap_size_used_bytes', 'Heap in use', heapUsed),
    bytes('nodejs_heap_size_total_bytes', 'Heap taken from the system', heapTotal),
    bytes('nodejs_external_memory_bytes', 'Memory of the program outside its heap', external),
    familyOf(
      { name: 'process_start_time_seconds', help: 'When the oldest process began', type: 'gauge', aggregator: 'min' },
      [{ labels: {}, value: startedAtSeconds }],
    ),
    familyOf({ name: 'provender_server_processes', help: 'Processes that answer', type: 'gauge' }, [
      { labels: {}, value: 1 },
    ]),
    familyOf(
      { name: 'provender_build_info', help: 'Versions; the value is always 1', type: 'gauge', aggregator: 'max' },
      [{ labels: { version, node: process.version }, value: 1 }],
    ),
  ]
}
