-- What every protocol's commit does, once it may: put before those scripts, after the prelude.

-- Drop φ and the optimiser's state as they were just set for this call, which may not commit.
local function give_up()
  redis.call('DEL', key.staged_phi, key.staged_optimizer)
  return 0
end

-- Make arg.next_version the head, drop what it was made of and φ of the version before the last, and note its scores,
-- which are args_rest: field, value, field, value.
-- Returns 1 more than the ms that the run stood still, if it had to be helped.
local function make_head()
  local state = redis.call('HMGET', key.state, 'committed_at', 'resends', 'step_ms', 'still_since')
  local time, step_ms = now(), tonumber(state[3] or 0)
  if state[1] and (state[2] or '0') == '0' then
    local latest = math.max(0, time - tonumber(state[1]))
    step_ms = step_ms == 0 and latest or 0.8 * step_ms + 0.2 * math.min(latest, 10 * step_ms) -- a clock may jump
  end
  redis.call('RENAME', key.staged_phi, key.phi)
  redis.call('RENAME', key.staged_optimizer, key.optimizer)
  redis.call('DEL', key.old_phi, key.old_optimizer, key.attempts)
  for _, contribution in ipairs(keys_rest) do redis.call('DEL', contribution) end
  redis.call('HSET', key.log, arg.next_version, arg.log_entry)
  redis.call('HSET', key.state, 'head', arg.next_version, 'phi_hash', arg.phi_hash,
    'optimizer_hash', arg.optimizer_hash, 'tasks', arg.tasks, 'committed_at', time, 'moved_at', time, 'resends', 0,
    'step_ms', tostring(step_ms))
  for index = 1, #args_rest, 2 do redis.call('HSET', key.state, args_rest[index], args_rest[index + 1]) end
  redis.call('HDEL', key.state, 'still_since')
  return 1 + math.max(0, time - tonumber(state[4] or time))
end

