/**
 * For rate-limiter-flexible, in place of its own: adds points unless they would be too many, so that what is refused
 * costs nothing; negative ones give back what is still there. Arguments: points, seconds, the most. Answers what is
 * counted then, or would be, and the window's milliseconds.
 */
export const takeScript = `
local points = tonumber(ARGV[1])
local counted = tonumber(redis.call('get', KEYS[1]) or '0')
if points < 0 then
  if counted > 0 then counted = redis.call('incrby', KEYS[1], math.max(points, -counted)) end
elseif counted + points <= tonumber(ARGV[3]) then
  redis.call('set', KEYS[1], 0, 'EX', ARGV[2], 'NX')
  counted = redis.call('incrby', KEYS[1], points)
else
  counted = counted + points
end
local left = redis.call('pttl', KEYS[1])
if left < 0 then left = 1000 * ARGV[2] end
return {counted, left}`

const nowMs = `
local time = redis.call('time')
local now = time[1] * 1000 + math.floor(time[2] / 1000)`

/** Holds as many places as it is given ids after the most and the lease's milliseconds; 1, or 0 where there is no room. */
export const holdScript = `${nowMs}
redis.call('zremrangebyscore', KEYS[1], '-inf', now)
if redis.call('zcard', KEYS[1]) + #ARGV - 2 > tonumber(ARGV[1]) then return 0 end
for at = 3, #ARGV do redis.call('zadd', KEYS[1], now + ARGV[2], ARGV[at]) end
redis.call('pexpire', KEYS[1], ARGV[2])
return 1`

/** Keeps the places of the ids after the lease's milliseconds, those too that a restart has lost. */
export const keepScript = `${nowMs}
for at = 2, #ARGV do redis.call('zadd', KEYS[1], now + ARGV[1], ARGV[at]) end
redis.call('pexpire', KEYS[1], ARGV[1])`
