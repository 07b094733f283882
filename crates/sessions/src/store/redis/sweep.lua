-- KEYS: names, expiries, then records. ARGV: now, then the id of each record.
local swept = 0
for place = 3, #KEYS do
  local id = ARGV[place - 1]
  local expires = redis.call('ZSCORE', KEYS[2], id)
  if expires and tonumber(expires) <= tonumber(ARGV[1]) then
    redis.call('DEL', KEYS[place])
    redis.call('ZREM', KEYS[1], id)
    redis.call('ZREM', KEYS[2], id)
    swept = swept + 1
  end
end
return swept
