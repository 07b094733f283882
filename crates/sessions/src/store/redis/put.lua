-- KEYS: record, names, expiries.
-- ARGV: expected, now, expires, the server's own expiry, sealed, id, channel, change without its version.
local found = redis.call('HMGET', KEYS[1], 'version', 'expires')
local present = found[1]
if present and tonumber(found[2]) <= tonumber(ARGV[2]) then present = false end
if ARGV[1] == 'absent' then
  if present then return 0 end
elseif ARGV[1] ~= 'any' and ARGV[1] ~= present then
  return 0
end
local version = string.format('%.0f', (tonumber(present or '0')) + 1)
redis.call('HSET', KEYS[1], 'version', version, 'expires', ARGV[3], 'sealed', ARGV[5])
redis.call('PEXPIREAT', KEYS[1], ARGV[4])
redis.call('ZADD', KEYS[2], 0, ARGV[6])
redis.call('ZADD', KEYS[3], ARGV[3], ARGV[6])
redis.call('PUBLISH', ARGV[7], ARGV[8] .. version)
return tonumber(version)
