// npm run services: the servers that the tests of the production engines use, for a developer; ends with Ctrl-C.
import { once } from 'node:events'
import { startServices } from '../test/support/services.ts'

await using services = await startServices().catch((thrown: unknown) => {
  process.stderr.write(`${thrown instanceof Error ? thrown.message : String(thrown)}\n`)
  process.exit(1)
})
const { postgres, replica, redis, cluster } = services.urls
process.stdout.write(
  [
    `export PROVENDER_TEST_POSTGRES=${postgres}`,
    `export PROVENDER_TEST_REPLICA=${replica}`,
    `export PROVENDER_TEST_REDIS=${redis}`,
    `export PROVENDER_TEST_CLUSTER=${cluster.join(',')}`,
    '',
  ].join('\n'),
)
process.stderr.write('The servers run until Ctrl-C; the lines above, in another shell, make the tests use them.\n')
await Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')])
