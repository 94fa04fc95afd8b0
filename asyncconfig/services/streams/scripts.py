"""What Redis does in one step; each script sees no half-done write of another.

KEYS[1] is the stream's state, a hash: `next:<p>` is the sequence number that
partition p gives next, `at:<p>` the time of its newest record (ms), `gone` that the
stream was deleted. Each further key is the Redis Stream of a partition; the record
with number n has the ID `<n>-1`. Numbers have no gaps, and times never go back
within a partition, so both are found by halving.
"""

_COMMON = """
local function text(n) return string.format('%.0f', n) end
local function at(key, n)
  local id = text(n) .. '-1'
  local found = redis.call('XRANGE', key, id, id)
  return found[1] and tonumber(found[1][2][2])
end
local function first(key)
  local found = redis.call('XRANGE', key, '-', '+', 'COUNT', 1)[1]
  if not found then return nil end
  return tonumber(string.match(found[1], '^%d+')), tonumber(found[2][2])
end
-- The first number whose time is `since` or later; `after` when there is none.
local function since(key, after, moment)
  local low, oldest = first(key)
  if not low or oldest >= moment then return low or after end
  local high = after
  while low < high do
    local middle = math.floor((low + high) / 2)
    if at(key, middle) < moment then low = middle + 1 else high = middle end
  end
  return low
end
local function after(p)
  return tonumber(redis.call('HGET', KEYS[1], 'next:' .. p) or '0')
end
"""

# ARGV: now, horizon, then partition, key of the record ("" for none), data, …
# KEYS[2 + i] is the stream of partition ARGV[3 + 3 i]. Returns the numbers, or false.
PUT = (
    _COMMON
    + """
if redis.call('HEXISTS', KEYS[1], 'gone') == 1 then return false end
local numbers = {}
for i = 2, #KEYS do
  local p, key, data = ARGV[3 * i - 3], ARGV[3 * i - 2], ARGV[3 * i - 1]
  local n = redis.call('HINCRBY', KEYS[1], 'next:' .. p, 1) - 1
  local last = tonumber(redis.call('HGET', KEYS[1], 'at:' .. p) or '0')
  local now = math.max(tonumber(ARGV[1]), last)
  redis.call('HSET', KEYS[1], 'at:' .. p, text(now))
  local id = text(n) .. '-1'
  redis.call('XADD', KEYS[i], id, 'at', text(now), 'key', key, 'data', data)
  local oldest, age = first(KEYS[i])
  if age < tonumber(ARGV[2]) then
    local keep = since(KEYS[i], n + 1, tonumber(ARGV[2]))
    redis.call('XTRIM', KEYS[i], 'MINID', text(keep) .. '-0')
  end
  numbers[i - 1] = text(n)
end
return numbers
"""
)

# KEYS[2 …]: partitions 0, 1, …. ARGV: horizon, since. Returns for each: the oldest
# number kept, the next one, how many since then, and the time of the newest.
SPAN = (
    _COMMON
    + """
local spans = {}
for i = 2, #KEYS do
  local p = i - 2
  local n = after(p)
  local oldest = since(KEYS[i], n, tonumber(ARGV[1]))
  local fresh = since(KEYS[i], n, tonumber(ARGV[2]))
  spans[i - 1] = {text(oldest), text(n), text(n - fresh),
                  redis.call('HGET', KEYS[1], 'at:' .. p) or '0'}
end
return spans
"""
)

# KEYS[2]: the partition. ARGV: its number, a time. Returns the first number since.
SINCE = _COMMON + "return text(since(KEYS[2], after(ARGV[1]), tonumber(ARGV[2])))"

# KEYS[2]: the partition. ARGV: first ID, last ID, most bytes, most records, and
# 1 for newest first. Stops before the record that would be too many bytes.
READ = """
local back, room, left = ARGV[5] == '1', tonumber(ARGV[3]), tonumber(ARGV[4])
local from, found = ARGV[1], {}
while left > 0 do
  local batch
  if back then
    batch = redis.call('XREVRANGE', KEYS[2], from, ARGV[2], 'COUNT', math.min(left, 8))
  else
    batch = redis.call('XRANGE', KEYS[2], from, ARGV[2], 'COUNT', math.min(left, 8))
  end
  if #batch == 0 then break end
  for _, entry in ipairs(batch) do
    room = room - #entry[2][6]
    if room < 0 then return found end
    found[#found + 1] = entry
    left, from = left - 1, '(' .. entry[1]
  end
end
return found
"""
