import type { FastifyInstance } from 'fastify';
import type { AppDependencies } from './dependencies.ts';

/** `POST` or `PUT /-/reload`: 200 when the file was taken over, 500 with its problems when the old one runs on. */
export function registerReload(app: FastifyInstance, dependencies: AppDependencies): void {
  app.register((scope, _options, done) => {
    // A body means nothing here, whatever its type; `curl -d ''` sends one.
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser('*', async () => undefined);
    scope.route({
      method: ['POST', 'PUT'],
      url: '/-/reload',
      handler: async (_request, reply) => {
        const report = await dependencies.reload();
        if (report.ok) return { status: 'reloaded', warnings: report.warnings };
        return reply.code(500).send({ error: 'the running configuration was kept', problems: report.problems });
      },
    });
    done();
  });
}
