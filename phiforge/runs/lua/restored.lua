-- What every protocol's restore does, where it may: put before those scripts, after the prelude.

-- Say whether Redis has a head that is as new as the checkpoint.
local function is_known()
  local head = redis.call('HGET', key.state, 'head')
  return head and tonumber(head) >= tonumber(arg.version)
end

-- Make the checkpoint's version the head.
local function make_head()
  redis.call('SET', key.phi, arg.phi)
  redis.call('SET', key.optimizer, arg.optimizer)
  redis.call('HSET', key.state, 'head', arg.version, 'status', 'running', 'phi_hash', arg.phi_hash,
    'tasks', arg.tasks, 'optimizer_hash', arg.optimizer_hash, 'moved_at', now(), 'resends', 0)
  return 1
end

