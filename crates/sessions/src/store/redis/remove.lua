-- KEYS: record, names, expiries. ARGV: expected, id, channel, change.
local version = redis.call('HGET', KEYS[1], 'version')
if not version or (ARGV[1] ~= 'any' and ARGV[1] ~= version) then return 0 end
redis.call('DEL', KEYS[1])
redis.call('ZREM', KEYS[2], ARGV[2])
redis.call('ZREM', KEYS[3], ARGV[2])
redis.call('PUBLISH', ARGV[3], ARGV[4])
return 1
