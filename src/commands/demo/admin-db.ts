import type { DemoDatabase } from './database.ts';

export const adminDb: DemoDatabase = {
  name: 'admin_db',
  owner: 'admin_service',
  schema: `
    CREATE TABLE roles (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL UNIQUE, description text);
    CREATE TABLE permissions (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL UNIQUE);
    CREATE TABLE role_permissions (
      role_id int NOT NULL REFERENCES roles ON DELETE CASCADE,
      permission_id int NOT NULL REFERENCES permissions ON DELETE CASCADE,
      PRIMARY KEY (role_id, permission_id)
    );
    CREATE TABLE admin_users (
      id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
      email text NOT NULL UNIQUE,
      role_id int NOT NULL REFERENCES roles,
      disabled_at timestamptz
    );
    CREATE TABLE audit_logs (
      id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
      admin_user_id uuid NOT NULL REFERENCES admin_users,
      action text NOT NULL,
      entity text NOT NULL,
      entity_id uuid NOT NULL DEFAULT gen_random_uuid(),
      changes jsonb NOT NULL DEFAULT '{}',
      address inet,
      logged_at timestamptz NOT NULL DEFAULT now()
    );
    CREATE INDEX audit_logs_logged_at_idx ON audit_logs USING brin (logged_at);
    CREATE INDEX audit_logs_changes_idx ON audit_logs USING gin (changes);`,
  rows: `
    INSERT INTO roles (name, description) VALUES ('viewer', NULL), ('support', 'Answers customers'), ('owner', 'May do everything');
    INSERT INTO permissions (name) SELECT entity || '.' || action
      FROM unnest(ARRAY['users', 'payments', 'refunds', 'settings']) AS entity, unnest(ARRAY['read', 'write', 'delete']) AS action;
    INSERT INTO role_permissions SELECT roles.id, permissions.id FROM roles, permissions
      WHERE roles.name = 'owner' OR permissions.name LIKE '%.read' OR (roles.name = 'support' AND permissions.name LIKE 'refunds.%');
    INSERT INTO admin_users (email, role_id) SELECT 'admin' || n || '@example.org', 1 + n % 3 FROM generate_series(1, 40) AS n;
    INSERT INTO audit_logs (admin_user_id, action, entity, changes, address, logged_at)
      SELECT id, (ARRAY['read', 'write', 'delete'])[1 + n % 3], (ARRAY['users', 'payments', 'refunds'])[1 + n % 3],
             jsonb_build_object('before', n, 'after', n + 1), ('10.1.0.' || (1 + n % 200))::inet, now() - n * interval '1 hour'
        FROM admin_users, generate_series(1, 400) AS n;`,
  work: [
    `INSERT INTO audit_logs (admin_user_id, action, entity, changes)
       SELECT id, 'write', 'payments', jsonb_build_object('at', clock_timestamp()) FROM admin_users ORDER BY random() LIMIT 1`,
    `SELECT entity, count(*) FROM audit_logs WHERE logged_at > now() - interval '1 day' GROUP BY entity`,
  ],
};
