import { z } from 'zod'
import { filledText } from './grammar-texts.ts'
import { type OnlineGroup, numbersOf } from './online-settings.ts'
import { type LimitName, limitNames, requestLimitTable } from './request-limits.ts'

/** Hyphens too, because people call folders and projects so. */
export const projectPattern = /^[a-z][a-z0-9_-]{0,62}$/

const wholeNumber = (describe: string) =>
  z.union([z.number().meta({ type: 'integer' }), z.string()]).describe(`${describe}; a number, or a variable`)
/** `server.limits`: what each limit is unless set stands in its description, for editors. */
const limitFields = Object.fromEntries(
  limitNames.map((name) => {
    const { says, usual, least, most } = requestLimitTable[name]
    return [name, wholeNumber(`${says}; ${least} to ${most}${usual === null ? '' : `, usually ${usual}`}`).optional()]
  }),
) as Record<LimitName, z.ZodOptional<ReturnType<typeof wholeNumber>>>
const numberFields = (group: OnlineGroup) =>
  Object.fromEntries(
    Object.entries(numbersOf(group)).map(([name, { says, usual, least, most }]) => [
      name,
      wholeNumber(`${says}; ${least} to ${most}, usually ${usual}`).optional(),
    ]),
  )
const yesOrNo = (describe: string) =>
  z.union([z.boolean(), z.string()]).describe(`${describe}; true, false, or a variable`)

/**
 * The grammar of the configuration in provender.yaml, before variables are put in: numbers and yes-or-no may still be text.
 * `stream`, and `auth` as a mapping, are reserved until they are built.
 */
export const configSchema = z
  .strictObject({
    project: z.string().optional().describe('The name of the repository'),
    metadata: filledText('Registry and runs: the path of a SQLite file, or postgres://…').optional(),
    offline: z
      .union([
        filledText('A folder: DuckDB over Parquet. Or postgres://…'),
        z.strictObject({
          url: filledText('A folder, or postgres://…'),
          replicas: z.array(filledText('postgres://…')).optional().describe('Read replicas'),
        }),
      ])
      .optional()
      .describe('The offline store'),
    online: z
      .union([
        filledText('A folder: LMDB. Or redis://…, rediss://…'),
        z.strictObject({
          url: filledText('A folder, or redis://…, rediss://…').optional(),
          cluster: z
            .array(filledText('redis://…, or rediss://…'))
            .min(1, 'needs at least one node')
            .optional()
            .describe('The nodes of a Redis Cluster, instead of `url`'),
          ca: filledText(
            'The file with the certificate of the authority that signed the servers’, for rediss://',
          ).optional(),
          wait: z
            .strictObject(numberFields('wait'))
            .optional()
            .describe('Answer a push only when replicas have its rows; off unless given'),
          nearCache: z
            .strictObject(numberFields('nearCache'))
            .optional()
            .describe('Keep rows in the process, told by the server of changes; off unless given'),
        }),
      ])
      .optional()
      .describe('The online store'),
    server: z
      .strictObject({
        host: filledText('The address to listen on').optional(),
        port: wholeNumber('The port to listen on').optional(),
        workers: wholeNumber('Processes that serve').optional(),
        sql: yesOrNo('Whether a spine may be SQL over HTTP').optional(),
        dataRoots: z
          .array(filledText('A folder'))
          .optional()
          .describe('Folders beside the repository where a source applied over HTTP may lie'),
        limits: z.strictObject(limitFields).optional().describe('What requests may bring, and what they get'),
      })
      .optional()
      .describe('The HTTP server'),
    auth: z.literal('none').optional().describe('Who may do what; none = everybody everything'),
  })
  .describe('The configuration of a feature repository')

export type ConfigBody = z.infer<typeof configSchema>

/** The fields of the configuration, those that are reserved too. */
export const configFields: readonly string[] = Object.freeze([...Object.keys(configSchema.shape), 'stream'])
