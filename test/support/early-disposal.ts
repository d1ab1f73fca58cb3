import { relative } from 'node:path';
import {
  type Node,
  NodeFlags,
  type ReturnStatement,
  type SourceFile,
  SyntaxKind,
  type VariableDeclarationList,
} from 'typescript/unstable/ast';
import { API, type Checker } from 'typescript/unstable/sync';

/**
 * Places where a promise is returned without `await` out of a block that holds something by `using` or `await using`: it is
 * disposed of before what was promised is done. `path:line text` of each, below `folder`. Neither compiler nor linter tells
 * them.
 */
export function earlyDisposals(configFile: string, folder: string): string[] {
  const api = new API({ cwd: folder });
  try {
    const [project] = api.updateSnapshot({ openProjects: [configFile] }).getProjects();
    if (project === undefined) throw new Error(`${configFile} is no project`);
    const names = project.program.getSourceFileNames().filter((name) => isOwn(name, folder));
    return names.flatMap((name) => {
      const file = project.program.getSourceFile(name);
      // Most files hold nothing: their types need not be asked for.
      if (file === undefined || !/\busing\s/.test(file.text)) return [];
      return early(file, project.checker).map((statement) => placeOf(statement, file, folder));
    });
  } finally {
    api.close();
  }
}

function isOwn(name: string, folder: string): boolean {
  return name.startsWith(`${folder}/`) && !name.includes('/node_modules/') && !name.endsWith('.d.ts');
}

function early(file: SourceFile, checker: Checker): ReturnStatement[] {
  return returnsWhileHolding(file, false).filter(({ expression }) => {
    if (expression === undefined || expression.kind === SyntaxKind.AwaitExpression) return false;
    const type = checker.getTypeAtLocation(expression);
    return type !== undefined && /(^|\| )Promise(Like)?</.test(checker.typeToString(type));
  });
}

/** Return statements below a node that leave a block in which something is held. */
function returnsWhileHolding(node: Node, holds: boolean): ReturnStatement[] {
  const found: ReturnStatement[] = [];
  let held = holds;
  node.forEachChild((child) => {
    // What a function returns is its own matter: nothing of ours is held by it.
    if (isFunction(child)) found.push(...returnsWhileHolding(child, false));
    else {
      if (declaresHeld(child)) held = true;
      if (held && child.kind === SyntaxKind.ReturnStatement) found.push(child as ReturnStatement);
      found.push(...returnsWhileHolding(child, held));
    }
    return undefined;
  });
  return found;
}

const functionKinds: ReadonlySet<SyntaxKind> = new Set([
  SyntaxKind.FunctionDeclaration,
  SyntaxKind.FunctionExpression,
  SyntaxKind.ArrowFunction,
  SyntaxKind.MethodDeclaration,
  SyntaxKind.GetAccessor,
  SyntaxKind.Constructor,
]);

function isFunction({ kind }: Node): boolean {
  return functionKinds.has(kind);
}

function declaresHeld(node: Node): boolean {
  if (node.kind !== SyntaxKind.VariableStatement) return false;
  const { declarationList } = node as Node & { readonly declarationList: VariableDeclarationList };
  // `await using` has this flag, and that of `const`.
  return (declarationList.flags & NodeFlags.Using) !== 0;
}

function placeOf(statement: ReturnStatement, file: SourceFile, folder: string): string {
  const before = file.text.slice(0, statement.getStart(file));
  const [text = ''] = statement.getText(file).split('\n');
  return `${relative(folder, file.fileName)}:${before.split('\n').length} ${text}`;
}
