-- What every protocol's publish does with a contribution: put before those scripts, after the prelude.

-- Put the contribution, as it was just set for this call, in its place if it is news, else drop it.
-- What says where it came from lies beside it, not in it: equal contributions are equal bytes. A job is in if that is.
local function settle(outcome)
  if outcome == 'published' then
    redis.call('RENAME', key.staged, key.contribution)
    redis.call('HSET', key.state, 'moved_at', now(), 'resends', 0)
  else
    redis.call('DEL', key.staged)
  end
end

