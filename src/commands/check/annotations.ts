import type { LoadedConfig } from '../../config/loaded.ts';
import { errorMessage } from '../../core/errors.ts';
import type { WorkContext } from '../../core/work-context.ts';
import { deleteAnnotation, GrafanaFailed, writeAnnotation } from '../../jobs/annotations/grafana.ts';
import type { Findings } from './finding.ts';

/** Whether Grafana takes annotations: one is written and deleted again. Nothing else depends on it, so it only warns. */
export async function checkAnnotations(
  { grafana }: Pick<LoadedConfig, 'grafana'>,
  findings: Findings,
  { clock, signal }: WorkContext,
): Promise<void> {
  if (grafana === undefined) return;
  const now = clock.now().getTime();
  const annotation = { startMs: now, endMs: now, tags: ['watchkeeper-check'], text: 'watchkeeper check' };
  try {
    const id = await writeAnnotation(grafana, annotation, signal);
    findings.ok(`an annotation was written to ${grafana.url}`);
    if (id !== undefined) await deleteAgain(id);
  } catch (error) {
    signal.throwIfAborted();
    findings.warning(errorMessage(error), remedyFor(error));
  }

  async function deleteAgain(id: number): Promise<void> {
    if (grafana === undefined) return;
    await deleteAnnotation(grafana, id, signal).catch((error: unknown) => {
      signal.throwIfAborted();
      findings.warning(
        `the annotation of this check stays in Grafana: ${errorMessage(error)}`,
        'give the service account the permission annotations:delete too',
      );
    });
  }
}

function remedyFor(error: unknown): string {
  const status = error instanceof GrafanaFailed ? error.status : undefined;
  if (status === 401) return 'the token is not valid (any more): make a new one for the service account';
  if (status === 403) return 'the service account needs annotations:create; the role Editor has it';
  if (status === 404)
    return 'check annotations.grafana.url: a sub-path may be missing, or the dashboardUid is not there';
  return 'check annotations.grafana: the address, its certificate (caFile), the way through firewalls and proxies';
}
