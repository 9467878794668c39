-- What became of a call beyond its HTTP status, and what it was judged by.
ALTER TABLE postern.trail_calls
  ADD COLUMN grants_digest text,
  ADD COLUMN trace_id text,
  ADD COLUMN arguments_hmac text,
  ADD COLUMN rpc_code integer,
  ADD COLUMN is_tool_error boolean;
ALTER TABLE postern.trail_ends
  ADD COLUMN rpc_code integer,
  ADD COLUMN is_tool_error boolean;

CREATE OR REPLACE VIEW postern.trail AS
SELECT
  c.id, c.writer, c.boot, c.sequence, c.at, c.request_id, c.credential_kind, c.key_id, c.service_user_id,
  c.http_method, c.path, c.method, c.tool,
  coalesce(e.outcome, c.outcome, 'unknown') AS outcome,
  coalesce(e.reason, c.reason) AS reason,
  coalesce(e.status, c.status) AS status,
  coalesce(e.duration_ms, c.duration_ms) AS duration_ms,
  c.client_address, c.user_agent, c.count, c.last_at, c.recorded_at,
  coalesce(c.principal, 'service:' || c.service_user_id::text) AS principal,
  c.grants_digest, c.trace_id, c.arguments_hmac,
  coalesce(e.rpc_code, c.rpc_code) AS rpc_code,
  coalesce(e.is_tool_error, c.is_tool_error) AS is_tool_error
FROM postern.trail_calls c
LEFT JOIN postern.trail_ends e ON e.call_id = c.id;
