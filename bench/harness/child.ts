// The process of one side: opens the module named in its argument and does as its parent says.
import { readFileSync, writeFileSync } from 'node:fs'
import { pathToFileURL } from 'node:url'

/** What the parent asks for. */
export interface Order {
  readonly id: number
  readonly do: 'open' | 'run' | 'usage' | 'close'
  readonly argument: unknown
}

export type Answer =
  | { readonly id: number; readonly ok: false; readonly error: string }
  | {
      readonly id: number
      readonly ok: true
      readonly result: unknown
      readonly cpuSeconds: number
      readonly rssBytes: number
    }

/** What a side's module answers when it is opened. */
interface OpenSide {
  readonly info?: unknown
  run?(argument: unknown): Promise<unknown>
  close?(): Promise<void>
}

let side: OpenSide = {}

process.on('message', (message) => void obey(message as Order))

async function obey(order: Order): Promise<void> {
  const send = (answer: Answer): void => void process.send?.(answer)
  try {
    const result = await carryOut(order)
    const { user, system } = process.cpuUsage()
    send({ id: order.id, ok: true, result, cpuSeconds: (user + system) / 1e6, rssBytes: peakRssBytes() })
  } catch (thrown) {
    send({
      id: order.id,
      ok: false,
      error: thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown),
    })
  }
  if (order.do === 'close') process.disconnect()
}

async function carryOut(order: Order): Promise<unknown> {
  switch (order.do) {
    case 'open': {
      const module = (await import(pathToFileURL(process.argv[2] ?? '').href)) as {
        open(input: unknown): Promise<OpenSide>
      }
      side = await module.open(order.argument)
      return side.info ?? null
    }
    case 'run':
      return side.run?.(order.argument)
    case 'usage':
      if (order.argument === 'begin') forgetPeak()
      return null
    case 'close':
      return side.close?.()
  }
}

/** On Linux the kernel's peak can be set back to what is resident now. */
function forgetPeak(): void {
  try {
    writeFileSync('/proc/self/clear_refs', '5')
  } catch {
    // Elsewhere the peak is that of the whole process.
  }
}

function peakRssBytes(): number {
  try {
    return Number(/^VmHWM:\s+(\d+) kB/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? 0) * 1024
  } catch {
    return process.resourceUsage().maxRSS * 1024
  }
}
