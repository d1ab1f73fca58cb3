import type { DemoDatabase } from './database.ts';

/** Users belong to another service: they are referred to, without a foreign key. */
export const paymentsDb: DemoDatabase = {
  name: 'payments_db',
  owner: 'payments_service',
  schema: `
    CREATE TYPE payment_status AS ENUM ('pending', 'authorised', 'captured', 'refunded', 'failed');
    CREATE SEQUENCE invoice_number START 100000;
    CREATE TABLE payment_methods (
      id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
      user_id uuid NOT NULL,
      kind text NOT NULL CHECK (kind IN ('card', 'sepa', 'wallet')),
      last_four char(4) NOT NULL,
      expires_on date
    );
    CREATE INDEX payment_methods_user_id_idx ON payment_methods (user_id);
    CREATE TABLE payments (
      id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
      invoice bigint NOT NULL UNIQUE DEFAULT nextval('invoice_number'),
      user_id uuid NOT NULL,
      amount numeric(10, 2) NOT NULL CHECK (amount > 0),
      currency char(3) NOT NULL DEFAULT 'EUR',
      status payment_status NOT NULL DEFAULT 'pending',
      payment_method_id uuid NOT NULL REFERENCES payment_methods,
      metadata jsonb NOT NULL DEFAULT '{}',
      created_at timestamptz NOT NULL DEFAULT now(),
      updated_at timestamptz NOT NULL DEFAULT now()
    );
    CREATE INDEX payments_user_id_status_created_at_idx ON payments (user_id, status, created_at);
    CREATE TABLE transactions (
      id bigint GENERATED ALWAYS AS IDENTITY,
      payment_id uuid NOT NULL REFERENCES payments,
      amount numeric(12, 2) NOT NULL,
      booked_at timestamptz NOT NULL DEFAULT now(),
      PRIMARY KEY (id, booked_at)
    ) PARTITION BY RANGE (booked_at);
    CREATE TABLE transactions_other PARTITION OF transactions DEFAULT;
    DO $$
    DECLARE
      first date;
    BEGIN
      FOR back IN 0..3 LOOP
        first := date_trunc('month', current_date) - back * interval '1 month';
        EXECUTE format('CREATE TABLE transactions_%s PARTITION OF transactions FOR VALUES FROM (%L) TO (%L)',
                       to_char(first, 'YYYY_MM'), first, first + interval '1 month');
      END LOOP;
    END $$;
    CREATE INDEX transactions_payment_id_idx ON transactions (payment_id);
    CREATE TABLE refunds (
      id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
      payment_id uuid NOT NULL REFERENCES payments,
      amount numeric(10, 2) NOT NULL CHECK (amount > 0),
      reason text,
      created_at timestamptz NOT NULL DEFAULT now()
    );
    CREATE VIEW daily_revenue AS
      SELECT created_at::date AS day, currency, sum(amount) AS amount FROM payments WHERE status = 'captured' GROUP BY 1, 2;`,
  rows: `
    INSERT INTO payment_methods (user_id, kind, last_four, expires_on)
      SELECT gen_random_uuid(), (ARRAY['card', 'sepa', 'wallet'])[1 + n % 3], lpad((n % 10000)::text, 4, '0'),
             current_date + n % 1000
        FROM generate_series(1, 3000) AS n;
    INSERT INTO payments (user_id, amount, currency, status, payment_method_id, metadata, created_at)
      SELECT user_id, round((n * 3.37 + ascii(last_four))::numeric, 2), (ARRAY['EUR', 'USD', 'CHF'])[1 + n % 3],
             (ARRAY['captured', 'captured', 'refunded', 'failed', 'authorised'])[1 + n % 5]::payment_status, id,
             jsonb_build_object('basket', n, 'channel', kind), now() - n * interval '11 days'
        FROM payment_methods, generate_series(1, 5) AS n;
    INSERT INTO transactions (payment_id, amount, booked_at) SELECT id, amount, created_at FROM payments;
    INSERT INTO refunds (payment_id, amount, reason)
      SELECT id, amount, CASE WHEN invoice % 2 = 0 THEN 'returned' END FROM payments WHERE status = 'refunded';`,
  work: [
    `WITH method AS (SELECT id, user_id FROM payment_methods ORDER BY random() LIMIT 1),
          payment AS (INSERT INTO payments (user_id, amount, payment_method_id)
                        SELECT user_id, round((1 + random() * 200)::numeric, 2), id FROM method RETURNING id, amount)
     INSERT INTO transactions (payment_id, amount) SELECT id, amount FROM payment`,
    `UPDATE payments SET status = 'captured', updated_at = now() WHERE status = 'pending'`,
    'SELECT * FROM daily_revenue ORDER BY day DESC LIMIT 7',
  ],
};
