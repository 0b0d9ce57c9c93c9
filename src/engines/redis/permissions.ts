/**
 * What a Redis user must be allowed, as rules of ACL SETUSER: nothing else, on no other keys. `config|get` only lets `doctor` look at settings.
 */
export const neededRules: readonly string[] = Object.freeze(
  `~pv:* +evalsha +evalsha_ro +script|load +scan +info +hello +config|get
  +hget +hset +hsetnx +hdel +hexists +hincrby`.split(/\s+/),
)

/** Beside these: for a Redis Cluster, for `online.wait`, for `online.nearCache`. */
export const extraRules = Object.freeze({
  cluster: ['+cluster|slots', '+cluster|info', '+asking'],
  wait: ['+wait'],
  nearCache: ['+client|tracking', '+client|id', '+subscribe', '+ping', '&__redis__:invalidate'],
})
