import { expect, test } from 'vitest';
import { errorMessage } from '../../../src/core/errors.ts';
import { awsFailure } from '../../../src/targets/aws/failure.ts';

/** As the SDK throws it when an answer cannot be parsed. */
const unparsed = (httpStatusCode: number) =>
  Object.assign(
    new SyntaxError('Unexpected token \'<\', "<html>" is not valid JSON\n  Deserialization error: to see'),
    {
      $metadata: { httpStatusCode },
    },
  );

test('a page that is not of AWS is told by its status alone, and that it may be of a proxy', () => {
  expect(errorMessage(awsFailure(unparsed(403), 'lambda:ListFunctions'))).toBe(
    'lambda:ListFunctions: the credentials lack lambda:ListFunctions, or a proxy before AWS refuses the request: HTTP 403, and the answer is not JSON',
  );
  expect(errorMessage(awsFailure(unparsed(502), 'lambda:ListFunctions'))).toBe(
    'lambda:ListFunctions: HTTP 502, and the answer is not JSON',
  );
});

test('a permission that AWS itself says is missing is told as that', () => {
  const denied = Object.assign(new Error('User x is not authorized'), {
    name: 'AccessDeniedException',
    $metadata: { httpStatusCode: 400 },
  });

  expect(errorMessage(awsFailure(denied, 'rds:DescribeDBInstances'))).toBe(
    'rds:DescribeDBInstances: the credentials lack rds:DescribeDBInstances: AccessDeniedException: User x is not authorized',
  );
});
