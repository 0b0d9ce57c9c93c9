/** Of a request: how values are written that are not in the wire form: `js`, as `writeJs` writes them, or `text`, keys as in a URL. */
export const valuesHeader = 'x-provender-values'

/** Of a Parquet answer: how many rows it has. */
export const rowsHeader = 'x-provender-rows'

/** Notes of an answer that has no other place for them: a JSON array in ASCII. */
export const notesHeader = 'x-provender-notes'

/** A table as lines of typed batches, for clients of Provender: see `tableLines`. */
export const batchesType = 'application/vnd.provender.batches'
