import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { runProcess } from '../../../src/core/run-process.ts';
import { makeWorkDirectory } from '../../../src/core/work-directory.ts';
import { deploy, root } from '../../support/compose.ts';
import { testSignal } from '../../support/test-context.ts';

/** What AWS's own model of RegisterTaskDefinition has against a file: fields, types, missing ones, and words not allowed. */
const validator = `
import json, sys
from botocore.session import get_session
from botocore.validate import ParamValidator
shape = get_session().get_service_model('ecs').operation_model('RegisterTaskDefinition').input_shape
with open(sys.argv[1]) as file: task = json.load(file)
problems = [ParamValidator().validate(task, shape).generate_report()]
def words(value, shape, path):
    if shape.type_name == 'structure':
        for name, member in shape.members.items():
            if name in value: words(value[name], member, path + '.' + name)
    elif shape.type_name == 'list':
        for item in value: words(item, shape.member, path + '[]')
    elif shape.type_name == 'string' and shape.enum and value not in shape.enum:
        problems.append(path + ' must be one of ' + ', '.join(shape.enum))
if problems == ['']: words(task, shape, 'task')
print('\\n'.join(problem for problem in problems if problem))
`;

const python = join(root, '.cache/moto-venv/bin/python');
const problemsOf = async (file: string) =>
  (await runProcess(python, ['-c', validator, file], { signal: testSignal() })).trim();
const shipped = join(deploy, 'ecs/task-definition.json');

test('the task definition is what RegisterTaskDefinition takes', async () => {
  expect(await problemsOf(shipped)).toBe('');
});

test.each([
  ['"stopTimeout"', '"stopTimeOut"', /Unknown parameter .* "stopTimeOut"/],
  ['"containerPort": 9847', '"containerPort": "9847"', /Invalid type for parameter .*containerPort/],
  ['"awslogs",', '"aws-logs",', /task\.containerDefinitions\[\]\.logConfiguration\.logDriver must be one of/],
  ['"family": "watchkeeper",', '', /Missing required parameter .* "family"/],
])('%s written as %s is noticed', async (right, wrong, complaint) => {
  await using folder = await makeWorkDirectory({ prefix: 'watchkeeper-test-ecs-' });
  const file = join(folder.path, 'task.json');
  const text = await readFile(shipped, 'utf8');
  expect(text).toContain(right);
  await writeFile(file, text.replace(right, wrong));

  expect(await problemsOf(file)).toMatch(complaint);
});
