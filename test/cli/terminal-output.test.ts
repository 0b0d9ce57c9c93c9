import pc from 'picocolors'
import { afterEach, expect, test, vi } from 'vitest'
import { ageOf } from '../../src/cli/age.ts'
import { changesText } from '../../src/cli/changes-text.ts'
import { errorText } from '../../src/cli/error-text.ts'
import { factsText } from '../../src/cli/facts-text.ts'
import { watchProgress } from '../../src/cli/progress.ts'
import { tableText } from '../../src/cli/table.ts'
import type { Stream, Terminal } from '../../src/cli/terminal.ts'
import type { RunProgress } from '../../src/contract/store.ts'
import { fail, failAll } from '../../src/kernel/errors.ts'
import { parseInstant } from '../../src/values/instant.ts'

const window: Stream = { isTerminal: true, colours: pc.createColors(false), width: 40 }
const pipe: Stream = { ...window, isTerminal: false }

test('a table is aligned in a window, and CSV in a pipe', async () => {
  const grid = {
    columns: [{ name: 'name' }, { name: 'rows', right: true }, { name: 'text' }, { name: 'more' }],
    rows: [
      ['ORD', '12', 'what is too long for this window is cut', 'a'],
      ['東京', '1,234', 'a\nb', null],
    ],
  }
  expect(await tableText(grid, window)).toBe(
    [
      'name   rows  text',
      'ORD      12  what is too long for this …',
      '東京  1,234  a b',
      '… and 1 more column: more',
      '',
    ].join('\n'),
  )
  expect(await tableText(grid, pipe)).toBe(
    'name,rows,text,more\r\nORD,12,what is too long for this window is cut,a\r\n東京,"1,234","a\nb",\r\n',
  )
})

test('facts are lines, intervals and tables in a window, and YAML in a pipe', async () => {
  const facts = {
    ttl: '2d',
    note: null,
    coverage: [[null, '2001-01-01T00:00:00Z']],
    features: [{ name: 'delay', type: 'int32', column: 'delay' }],
  }
  expect(await factsText('view v', facts, window)).toBe(
    'view v\n  ttl       2d\n  coverage  up to 2001-01-01T00:00:00Z\nfeatures\n  name   type\n  delay  int32\n',
  )
  expect(await factsText('view v', facts, pipe)).toContain('features:\n  - name: delay\n')
})

test('changes show what differs, what follows, and how many there are', () => {
  const text = changesText(
    [
      { action: 'add', kind: 'entity', name: 'airport', breaking: false, consequence: 'Nothing stored changes.' },
      {
        action: 'change',
        kind: 'view',
        name: 'delays',
        breaking: true,
        consequence: 'Values mean something else.',
        fields: [
          { path: 'ttl', from: '1d', to: '2d' },
          { path: 'features.x', from: { type: 'int32', description: 'long' } },
        ],
      },
    ],
    window,
  )
  expect(text).toBe(
    [
      '  + entity  airport',
      '  ~ view    delays   breaking',
      '      ~ ttl         1d → 2d',
      '      - features.x  int32',
      '      Values mean something else.',
      '1 to add, 1 to change, 0 to remove · 1 breaking change',
      '',
    ].join('\n'),
  )
})

test('errors are told with place, lines and fix; pointers into requests are not', () => {
  const placed = fail('UNKNOWN_SOURCE', 'There is none', {
    at: 'a.yaml:2:3',
    excerpt: '2 | x\n    ^',
    remedy: 'Mend it.',
  })
  const pointed = fail('BAD_VALUE', 'Not good', { at: '/features/0' })
  expect(errorText(failAll([placed, pointed]), pipe)).toBe(
    [
      'x UNKNOWN_SOURCE  There is none',
      '  a.yaml:2:3',
      '    2 | x',
      '        ^',
      '  Fix: Mend it. (provender explain UNKNOWN_SOURCE)',
      '',
      'x BAD_VALUE  Not good',
      '  Fix: Send a value of the declared type. (provender explain BAD_VALUE)',
      '',
      '2 errors',
    ].join('\n'),
  )
})

test('ages are told in their greatest unit', () => {
  const at = parseInstant('2026-01-01T00:00:00Z') ?? 0n
  const nowMs = Date.parse('2026-01-01T00:00:00Z')
  const after = (seconds: number): string => ageOf(at, nowMs + seconds * 1000)
  expect([0, 59, 60, 3599, 7200, 86_400, 86_400 * 729, 86_400 * 9277, -120].map(after)).toEqual([
    '0 s ago',
    '59 s ago',
    '1 min ago',
    '59 min ago',
    '2 h ago',
    '1 d ago',
    '729 d ago',
    '25 years ago',
    'in 2 min',
  ])
})

afterEach(() => void vi.useRealTimers())

const progress: RunProgress = {
  run: 'run_1',
  view: 'delays',
  phase: 'writing',
  rows: 12_345,
  fraction: 0.5,
  rowsPerSecond: 1000.4,
}

test('progress is a line every 10 s in a pipe, and a bar that goes away in a window', () => {
  vi.useFakeTimers()
  const lines = record(pipe)
  const told = watchProgress(lines.terminal)
  told.report(progress)
  vi.advanceTimersByTime(9_999)
  expect(lines.text()).toBe('')
  vi.advanceTimersByTime(10_001)
  told.end()
  vi.advanceTimersByTime(60_000)
  expect(lines.text()).toBe('materialize delays: 50 %  writing  12,345 rows  1,000 rows/s\n'.repeat(2))

  const bars = record(window)
  const drawn = watchProgress(bars.terminal)
  drawn.report(progress)
  vi.advanceTimersByTime(200)
  drawn.end()
  const bar = `delays  ${'█'.repeat(12)}${'░'.repeat(12)}  50 %  writing  12,345 rows  1,000 rows/s\n`
  const clear = '\u001b[1A\u001b[0J'
  expect(bars.text()).toBe(`${bar}${clear}${bar}${clear}`)
})

/** A terminal that keeps what it is told. */
function record(err: Stream): { terminal: Terminal; text: () => string } {
  let text = ''
  const add = (more: string): void => {
    text += more
  }
  const terminal: Terminal = {
    out: err,
    err,
    canAsk: false,
    write: async (more) => add(more),
    say: (line) => add(`${line}\n`),
    draw: add,
    flush: async () => undefined,
  }
  return { terminal, text: () => text }
}
