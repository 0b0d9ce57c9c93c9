import { createHash } from 'node:crypto'

/** A script that a server runs as one step: nobody sees it half done. */
export interface Script {
  readonly text: string
  readonly sha: string
  /** Whether it changes nothing, so that a server which takes no writes runs it too. */
  readonly reads: boolean
}

/** `no-writes`: it changes nothing. `allow-oom`: it runs though memory is full, since it frees some or writes a few bytes at most. */
function script(flag: '' | 'no-writes' | 'allow-oom', body: string): Script {
  // Without this a server of a cluster refuses keys of several slots, though it has them all.
  const flags = flag === '' ? 'allow-cross-slot-keys' : `${flag},allow-cross-slot-keys`
  const text = `#!lua flags=${flags}\n${body}`
  return Object.freeze({ text, sha: createHash('sha1').update(text).digest('hex'), reads: flag === 'no-writes' })
}

// Rows are packed rows (codecs/packed-row): revision at byte 6, the Order at 14, 46 bytes of header, all big-endian and
// biased so that they compare as unsigned. Lua's `<` on texts goes by the server's locale, and its numbers are doubles:
// so each half of an int64 is compared as a number.
const compareRows = `
local order, revision, header = '>I4I4I4I4I4I4I4I4', '>I4I4', 46
local function replaces(new, old)
  if string.sub(new, 15, header) == string.sub(old, 15, header) then
    local a1, a2 = struct.unpack(revision, new, 7)
    local b1, b2 = struct.unpack(revision, old, 7)
    if a1 ~= b1 then return a1 > b1 end
    return a2 >= b2
  end
  local a1, a2, a3, a4, a5, a6, a7, a8 = struct.unpack(order, new, 15)
  local b1, b2, b3, b4, b5, b6, b7, b8 = struct.unpack(order, old, 15)
  if a1 ~= b1 then return a1 > b1 end
  if a2 ~= b2 then return a2 > b2 end
  if a3 ~= b3 then return a3 > b3 end
  if a4 ~= b4 then return a4 > b4 end
  if a5 ~= b5 then return a5 > b5 end
  if a6 ~= b6 then return a6 > b6 end
  if a7 ~= b7 then return a7 > b7 end
  return a8 > b8
end
`

// What a space holds is counted beside its marks: n<space> = rows that are no tombstones, e<space> = the newest event time.

/** Whether an answer says that a key is not here: it moves, or has moved, to another node. */
const isAway = `
local function isAway(answer) return type(answer) == 'table' and string.find(answer.err, 'non local key', 1, true) end
`

/**
 * ARGV: field, marks, then key and row in turn, in one text, each behind its length (u16, u32). Answers a text of one digit a row: 1 stored, 0 superseded, 2 the key is not here. Where a key
 * holds what is no row, those before it stay written, and counted.
 */
export const writeRows = script(
  '',
  `${compareRows}${isAway}
local field, marks, outcomes, trouble = ARGV[1], ARGV[2], {}, nil
local known = redis.call('HGET', marks, 'e' .. field)
local more, newest, n1, n2 = 0, nil, -1, -1
if known then n1, n2 = struct.unpack('>I4I4', known) end
local function isRow(row) return string.byte(row, 2) % 2 == 0 end
local packed, at, i = ARGV[3], 1, 0
local size = #packed
while at <= size do
  local key, new
  key, at = struct.unpack('>I2c0', packed, at)
  new, at = struct.unpack('>I4c0', packed, at)
  i = i + 1
  local old = redis.pcall('HGET', key, field)
  local away = isAway(old)
  if type(old) == 'table' and not away then trouble = old; break end
  if old and not away and #old < header then trouble = redis.error_reply('CORRUPT ' .. #old .. ' bytes are no row'); break end
  if isRow(new) and not away then
    local e1, e2 = struct.unpack('>I4I4', new, 15)
    if e1 > n1 or (e1 == n1 and e2 > n2) then newest, n1, n2 = string.sub(new, 15, 22), e1, e2 end
  end
  if away then
    outcomes[i] = '2'
  elseif not old or replaces(new, old) then
    redis.call('HSET', key, field, new)
    if isRow(new) then more = more + 1 end
    if old and isRow(old) then more = more - 1 end
    outcomes[i] = '1'
  else
    outcomes[i] = '0'
  end
end
if more ~= 0 then redis.call('HINCRBY', marks, 'n' .. field, more) end
if newest then redis.call('HSET', marks, 'e' .. field, newest) end
if trouble then return trouble end
return table.concat(outcomes)`,
)

/**
 * ARGV: a field and its keys in turn, each key behind its length (u16). Answers one text: each row behind its length (u32), which is 2^32 − 1
 * where there is none, and 2^32 − 2 where the key is not here.
 */
export const readRows = script(
  'no-writes',
  `${isAway}
local rows, n = {}, 0
for i = 1, #ARGV, 2 do
  local field, keys = ARGV[i], ARGV[i + 1]
  local at, size = 1, #keys
  while at <= size do
    local key
    key, at = struct.unpack('>I2c0', keys, at)
    local row = redis.pcall('HGET', key, field)
    if type(row) == 'string' then
      rows[n + 1], rows[n + 2] = struct.pack('>I4', #row), row
      n = n + 2
    else
      n = n + 1
      rows[n] = '\\255\\255\\255\\255'
      if row and not isAway(row) then return row end
      if row then rows[n] = '\\255\\255\\255\\254' end
    end
  end
end
return table.concat(rows)`,
)

/** ARGV: field, marks, event before (biased int64), revision up to (u64), whether tombstones too (1, 0), then keys. Answers how many rows it freed. */
export const sweepRows = script(
  'allow-oom',
  `
local field, marks, tombstones, freed, less = ARGV[1], ARGV[2], ARGV[5] == '1', 0, 0
local e1, e2 = struct.unpack('>I4I4', ARGV[3])
local r1, r2 = struct.unpack('>I4I4', ARGV[4])
for i = 6, #ARGV do
  local row = redis.call('HGET', ARGV[i], field)
  if row and #row >= 46 then
    local a1, a2 = struct.unpack('>I4I4', row, 15)
    local b1, b2 = struct.unpack('>I4I4', row, 7)
    local isTombstone = string.byte(row, 2) % 2 == 1
    if (a1 < e1 or (a1 == e1 and a2 < e2)) and (b1 < r1 or (b1 == r1 and b2 <= r2)) and (tombstones or not isTombstone) then
      redis.call('HDEL', ARGV[i], field)
      freed = freed + 1
      if not isTombstone then less = less + 1 end
    end
  end
end
if less > 0 then redis.call('HINCRBY', marks, 'n' .. field, -less) end
return freed`,
)

/** ARGV: field, then keys. Answers how many rows it freed. */
export const dropRows = script(
  'allow-oom',
  `
local freed = 0
for i = 2, #ARGV do freed = freed + redis.call('HDEL', ARGV[i], ARGV[1]) end
return freed`,
)

// Marks: one hash; id = what the store calls itself, c<space> = cursor (biased int64), s<space> = stamp (attempt:state).
// What a server calls itself changes with each start of its process, and is never written, so that no copy of its data has it.
const incarnation = `
local function incarnation()
  local run = string.match(redis.call('INFO', 'server'), 'run_id:(%x+)')
  return (redis.call('HGET', KEYS[1], 'id') or '') .. '.' .. run
end
`

/** KEYS: marks. ARGV: an id to take where there is none, then spaces. Answers the incarnation, then cursor, stamp, rows and newest event time of each space. */
export const readMarks = script(
  'allow-oom',
  `${incarnation}
if redis.call('HEXISTS', KEYS[1], 'id') == 0 then redis.call('HSET', KEYS[1], 'id', ARGV[1]) end
local marks = { incarnation() }
for i = 2, #ARGV do
  for _, of in ipairs({ 'c', 's', 'n', 'e' }) do marks[#marks + 1] = redis.call('HGET', KEYS[1], of .. ARGV[i]) end
end
return marks`,
)

/** KEYS: marks. ARGV: space, cursor, stamp. */
export const birth = script(
  '',
  `
if redis.call('HSETNX', KEYS[1], 's' .. ARGV[1], ARGV[3]) == 1 then redis.call('HSET', KEYS[1], 'c' .. ARGV[1], ARGV[2]) end
return 1`,
)

/** KEYS: marks. ARGV: space, cursor, incarnation. Answers 1 where it moved. */
export const moveCursor = script(
  '',
  `${incarnation}
if incarnation() ~= ARGV[3] then return 0 end
local old = redis.call('HGET', KEYS[1], 'c' .. ARGV[1])
if old then
  local a1, a2 = struct.unpack('>I4I4', ARGV[2])
  local b1, b2 = struct.unpack('>I4I4', old)
  if a1 < b1 or (a1 == b1 and a2 < b2) then return 0 end
end
redis.call('HSET', KEYS[1], 'c' .. ARGV[1], ARGV[2])
return 1`,
)

/** KEYS: marks. ARGV: space, the stamp that must be there (empty: none), the new one, incarnation. Answers 1 where it changed. */
export const swapStamp = script(
  '',
  `${incarnation}
if incarnation() ~= ARGV[4] then return 0 end
if (redis.call('HGET', KEYS[1], 's' .. ARGV[1]) or '') ~= ARGV[2] then return 0 end
redis.call('HSET', KEYS[1], 's' .. ARGV[1], ARGV[3])
return 1`,
)

/** KEYS: marks. ARGV: space. Forgets the marks of a space. */
export const dropMarks = script(
  'allow-oom',
  `return redis.call('HDEL', KEYS[1], 'c' .. ARGV[1], 's' .. ARGV[1], 'n' .. ARGV[1], 'e' .. ARGV[1])`,
)

/** KEYS: schemas. ARGV: fingerprint and text in turn (an empty text asks only). Answers the text kept for each, or nil. */
export const keepSchemas = script(
  'allow-oom',
  `
local kept = {}
for i = 1, #ARGV, 2 do
  if ARGV[i + 1] ~= '' then redis.call('HSETNX', KEYS[1], ARGV[i], ARGV[i + 1]) end
  kept[(i + 1) / 2] = redis.call('HGET', KEYS[1], ARGV[i])
end
return kept`,
)
