/**
 * `provender/testing`: the laws of every port and of a whole store, as data. Run each on a harness of your own engine, in
 * any test runner: `for (const { law, run } of onlineLaws) test(law, () => run({ open }))`. A law that is broken rejects
 * with an `AssertionError`.
 */
export type { Law } from './law.ts'

export { type OfflineHarness, type OfflineUnderTest, type SourceTable, offlineLaws } from './offline.ts'
export { type OnlineHarness, onlineLaws } from './online.ts'
export { type MetadataHarness, type OpenMetadata, metadataLaws } from './metadata.ts'
export { type PushLogHarness, pushLogLaws } from './push-log.ts'
export { type PutBack, type StoreHarness, type StoreUnderTest, storeLaws } from './store.ts'

export type { OfflineCan, OfflineQuery, OfflineStore, QueryResult } from '../ports/offline.ts'
export type { Marks, OnlineMarks, Stamp } from '../ports/marks.ts'
export type { KeyedRow, OnlineStore, Space } from '../ports/online.ts'
export type { LogRecord, PushLog } from '../ports/push-log.ts'
export type { Registry } from '../ports/registry.ts'
export type { RunLog } from '../ports/run-log.ts'
