import type { DemoDatabase } from './database.ts';

export const profileDb: DemoDatabase = {
  name: 'profile_db',
  owner: 'profile_service',
  schema: `
    CREATE DOMAIN country_code AS char(2) CHECK (VALUE ~ '^[A-Z]{2}$');
    CREATE TABLE profiles (
      id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
      user_id uuid NOT NULL UNIQUE,
      display_name text NOT NULL,
      biography text NOT NULL DEFAULT '',
      tags text[] NOT NULL DEFAULT '{}',
      avatar bytea,
      search tsvector GENERATED ALWAYS AS (to_tsvector('simple', display_name || ' ' || biography)) STORED,
      created_at timestamptz NOT NULL DEFAULT now()
    );
    CREATE INDEX profiles_search_idx ON profiles USING gin (search);
    CREATE INDEX profiles_created_at_idx ON profiles (created_at);
    CREATE TABLE preferences (
      profile_id uuid PRIMARY KEY REFERENCES profiles ON DELETE CASCADE,
      settings jsonb NOT NULL DEFAULT '{}',
      updated_at timestamptz NOT NULL DEFAULT now()
    );
    CREATE TABLE addresses (
      id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
      profile_id uuid NOT NULL REFERENCES profiles ON DELETE CASCADE,
      street text NOT NULL,
      city text NOT NULL,
      country country_code NOT NULL,
      is_default boolean NOT NULL DEFAULT false
    );
    CREATE UNIQUE INDEX addresses_default_idx ON addresses (profile_id) WHERE is_default;`,
  rows: `
    INSERT INTO profiles (user_id, display_name, biography, tags, avatar, created_at)
      SELECT gen_random_uuid(), 'Näme ' || n, repeat('likes ' || md5(n::text) || ' ', 4), ARRAY['t' || n % 10, 't' || n % 7],
             CASE WHEN n % 10 = 0 THEN decode(repeat(md5(n::text), 32), 'hex') END, now() - n * interval '3 hours'
        FROM generate_series(1, 4000) AS n;
    INSERT INTO preferences (profile_id, settings)
      SELECT id, jsonb_build_object('language', 'de', 'theme', 'dark', 'mail', jsonb_build_object('news', false)) FROM profiles;
    INSERT INTO addresses (profile_id, street, city, country, is_default)
      SELECT id, 'Street ' || n, (ARRAY['Berlin', 'Zürich', 'Wien'])[n], (ARRAY['DE', 'CH', 'AT'])[n], n = 1
        FROM profiles, generate_series(1, 2) AS n;`,
  work: [
    `UPDATE preferences SET settings = jsonb_set(settings, '{theme}', '"light"'), updated_at = now()
      WHERE profile_id = (SELECT id FROM profiles ORDER BY random() LIMIT 1)`,
    `SELECT count(*) FROM profiles WHERE search @@ to_tsquery('simple', 'likes')`,
    `INSERT INTO profiles (user_id, display_name) VALUES (gen_random_uuid(), 'Somebody new')`,
  ],
};
