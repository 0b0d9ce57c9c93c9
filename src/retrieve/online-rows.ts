import type { Exactness, OnlineRows, SdkValue, Status } from '../contract/store.ts'
import type { Value } from '../values/value.ts'
import { type Slots, fingerprintOfRow } from '../codecs/row-reader.ts'
import { endOf, startOf } from '../values/byte-list.ts'
import { must } from '../kernel/assert.ts'
import { type Found, eventTimeOf, stateAt } from './online.ts'
import { type OnlinePlan, type PlanForm, planForm } from './online-plan.ts'
import { readEntity } from './read-entity.ts'
import { exactForm, sdkForm } from './value-forms.ts'

type Row = Record<string, SdkValue>

/** How rows of a plan are read as objects. */
interface RowForm extends PlanForm<SdkValue> {
  /** A row of nulls: copying one that has all the names costs less than to name them one by one. */
  readonly blank: Readonly<Row>
}

/** By what int64 and instants come out as. */
const rowForms = new WeakMap<OnlinePlan, Map<string, RowForm>>()

function rowFormOf(plan: OnlinePlan, { int64 = 'number', instants = 'date' }: Exactness): RowForm {
  let forms = rowForms.get(plan)
  if (forms === undefined) rowForms.set(plan, (forms = new Map<string, RowForm>()))
  const key = int64 === 'number' ? instants : `${int64} ${instants}`
  let form = forms.get(key)
  if (form === undefined) {
    const blank: Row = {}
    for (const name of plan.features) blank[name] = null
    form = { blank, ...planForm(plan, sdkForm({ int64, instants }), 'names') }
    forms.set(key, form)
  }
  return form
}

/**
 * The rows of an online read as the SDK gives them: one object per entity; what is told by position is worked out when it is
 * asked for. @throws BAD_VALUE for an int64 that no number holds, saying how to ask for bigint; CORRUPT_STORE.
 */
export function onlineRows(found: Found, exactness: Exactness = {}): OnlineRows {
  const { blank, readers } = rowFormOf(found.plan, exactness)
  const rows = new RowList()
  rows[source] = found
  for (let i = 0; i < found.entities; i++) {
    const row: Row = { ...blank }
    for (let r = 0; r < found.reads.length; r++) {
      const read = found.reads[r]
      if (read === undefined) break
      const start = startOf(read.rows, i)
      const state = stateAt(read, start)
      if (state === 'there' || (state === 'expired' && found.includeExpired))
        readers[r]?.(fingerprintOfRow(read.cursor, start))(read.cursor, start, endOf(read.rows, i), row)
    }
    rows[i] = row
  }
  return rows
}

const source = Symbol('source')
const told = Symbol('told')

/** What is told of rows by position. */
interface Told {
  readonly exact: readonly (readonly (Value | null)[])[]
  readonly statuses: readonly (readonly Status[])[]
  readonly eventTimes: readonly (readonly (bigint | null)[])[]
}

/** An array whose further members cost nothing until they are asked for. (A class since they lie on its prototype; symbols declared as fields since private members, or symbols that are added later, cost several times the rest.) */
class RowList extends Array<Row> implements OnlineRows {
  [source]: Found | undefined;
  [told]: Told | undefined

  /** What is made of it, by `map` and such, is a plain array. */
  static override get [Symbol.species](): ArrayConstructor {
    return Array
  }

  get features(): readonly string[] {
    return foundOf(this).plan.features
  }

  get types(): readonly string[] {
    return foundOf(this).plan.types
  }

  get views(): readonly string[] {
    return foundOf(this).plan.views
  }

  get keyFields(): OnlineRows['keyFields'] {
    return foundOf(this).plan.keyFields
  }

  get registryVersion(): number {
    return foundOf(this).registryVersion
  }

  get exact(): Told['exact'] {
    return (this[told] ??= toldOf(foundOf(this))).exact
  }

  get statuses(): Told['statuses'] {
    return (this[told] ??= toldOf(foundOf(this))).statuses
  }

  get eventTimes(): Told['eventTimes'] {
    return (this[told] ??= toldOf(foundOf(this))).eventTimes
  }

  /** Printed as the rows that it is. */
  [Symbol.for('nodejs.util.inspect.custom')](): readonly Row[] {
    return Array.from(this)
  }
}

const foundOf = (rows: RowList): Found => must(rows[source], 'rows are of a read')

const exactForms = new WeakMap<OnlinePlan, PlanForm<Value | null>>()

function toldOf(found: Found): Told {
  const { plan, reads } = found
  let form = exactForms.get(plan)
  if (form === undefined) exactForms.set(plan, (form = planForm(plan, exactForm, 'places')))
  const exact: (Value | null)[][] = []
  const statuses: (readonly Status[])[] = []
  const eventTimes: (bigint | null)[][] = []
  for (let i = 0; i < found.entities; i++) {
    const values = plan.features.map((): Value | null => null)
    statuses.push(readEntity(found, form, i, values as unknown as Slots<Value | null>))
    exact.push(values)
    eventTimes.push(reads.map((read) => eventTimeOf(read, i)))
  }
  return { exact, statuses, eventTimes }
}
