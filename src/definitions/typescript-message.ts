import type { ErrorCode } from '../kernel/errors.ts'

/** What was thrown while a file was loaded, as data. */
export interface TypescriptThrown {
  readonly name: string
  readonly message: string
  readonly stack: string
  /** Of an error of Provender. */
  readonly code?: ErrorCode
  readonly remedy?: string
  /** Of a syntax error, the file that has it. */
  readonly url?: string
}

/** What the worker says while it loads files, in their order. */
export type TypescriptMessage =
  | { readonly kind: 'end'; readonly file: string }
  | {
      readonly kind: 'definition'
      readonly file: string
      readonly export: string
      readonly document: Readonly<Record<string, unknown>>
    }
  | { readonly kind: 'thrown'; readonly file: string; readonly thrown: TypescriptThrown }
  | { readonly kind: 'done' }
