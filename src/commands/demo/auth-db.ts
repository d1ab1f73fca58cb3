import type { DemoDatabase } from './database.ts';

export const authDb: DemoDatabase = {
  name: 'auth_db',
  owner: 'auth_service',
  schema: `
    CREATE TYPE user_role AS ENUM ('customer', 'merchant', 'support', 'admin');
    CREATE TABLE users (
      id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
      email text NOT NULL UNIQUE CHECK (email = lower(email)),
      password_hash text NOT NULL,
      name text NOT NULL,
      role user_role NOT NULL DEFAULT 'customer',
      email_verified boolean NOT NULL DEFAULT false,
      created_at timestamptz NOT NULL DEFAULT now(),
      updated_at timestamptz NOT NULL DEFAULT now()
    );
    CREATE INDEX users_role_idx ON users (role) WHERE role <> 'customer';
    CREATE TABLE devices (
      id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
      user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
      platform text NOT NULL CHECK (platform IN ('ios', 'android', 'web')),
      details jsonb NOT NULL DEFAULT '{}',
      last_address inet,
      last_seen_at timestamptz NOT NULL DEFAULT now()
    );
    CREATE INDEX devices_user_id_idx ON devices (user_id);
    CREATE TABLE refresh_tokens (
      id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
      user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
      device_id uuid REFERENCES devices ON DELETE SET NULL,
      token text NOT NULL UNIQUE,
      expires_at timestamptz NOT NULL,
      created_at timestamptz NOT NULL DEFAULT now()
    );
    CREATE INDEX refresh_tokens_expires_at_idx ON refresh_tokens (expires_at);
    CREATE VIEW active_sessions AS
      SELECT users.email, count(*) AS tokens, max(refresh_tokens.expires_at) AS last_expires_at
        FROM users JOIN refresh_tokens ON refresh_tokens.user_id = users.id
       WHERE refresh_tokens.expires_at > now() GROUP BY users.email;
    CREATE FUNCTION touch_updated_at() RETURNS trigger LANGUAGE plpgsql AS
      'BEGIN NEW.updated_at := now(); RETURN NEW; END';
    CREATE TRIGGER users_touch BEFORE UPDATE ON users FOR EACH ROW EXECUTE FUNCTION touch_updated_at();`,
  rows: `
    INSERT INTO users (email, password_hash, name, role, email_verified, created_at)
      SELECT 'user' || n || '@example.org', '$argon2id$v=19$' || md5(n::text), 'User ' || n,
             (ARRAY['customer', 'customer', 'customer', 'merchant', 'support', 'admin'])[1 + n % 6]::user_role,
             n % 5 <> 0, now() - n * interval '2 hours'
        FROM generate_series(1, 4000) AS n;
    INSERT INTO devices (user_id, platform, details, last_address, last_seen_at)
      SELECT id, (ARRAY['ios', 'android', 'web'])[1 + n % 3],
             jsonb_build_object('model', 'M' || n, 'version', n || '.0', 'languages', jsonb_build_array('de', 'en')),
             ('10.0.' || n || '.' || (1 + ascii(name) % 200))::inet, created_at + interval '1 hour'
        FROM users, generate_series(1, 2) AS n;
    INSERT INTO refresh_tokens (user_id, device_id, token, expires_at, created_at)
      SELECT user_id, id, md5(id::text || n), now() + n * interval '10 days', now() - n * interval '1 day'
        FROM devices, generate_series(1, 2) AS n;`,
  work: [
    `INSERT INTO refresh_tokens (user_id, token, expires_at)
       SELECT id, md5(random()::text || clock_timestamp()::text), now() + interval '1 hour'
         FROM users ORDER BY random() LIMIT 1`,
    'UPDATE users SET email_verified = true WHERE id = (SELECT id FROM users ORDER BY random() LIMIT 1)',
    'SELECT count(*) FROM active_sessions',
    'DELETE FROM refresh_tokens WHERE expires_at < now()',
  ],
};
