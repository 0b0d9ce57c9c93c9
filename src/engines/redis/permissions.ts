/**
 * What a Redis user must be allowed, as rules of ACL SETUSER: nothing else, on no other keys. The last row is needed for what its name says;
 * `config|get` only so that `doctor` can look at settings.
 */
export const neededRules: readonly string[] = Object.freeze([
  '~pv:*',
  ...['+evalsha', '+evalsha_ro', '+script|load', '+scan', '+info', '+hello', '+config|get'],
  ...['+hget', '+hset', '+hsetnx', '+hdel', '+hexists', '+hincrby'],
])

/** Beside these: for a Redis Cluster, for `online.wait`, for `online.nearCache`. */
export const extraRules = Object.freeze({
  cluster: ['+cluster|slots', '+cluster|info', '+asking'],
  wait: ['+wait'],
  nearCache: ['+client|tracking', '+client|id', '+subscribe', '+ping', '&__redis__:invalidate'],
})
