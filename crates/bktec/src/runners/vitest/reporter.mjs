// Records for bktec what Vitest's JSON report omits: errors of suites, such as in afterAll, errors
// that no test caught, and whether the run was stopped.
import { writeFileSync } from 'node:fs';

const path = PATH;

const text = (error) => String(error?.message ?? error);

export default class Recorder {
  // Vitest 3 and later.
  onTestRunEnd(modules, unhandled, reason) {
    const errors = unhandled.map(text);
    for (const module of modules) {
      for (const suite of module.children.allSuites()) {
        for (const error of suite.errors()) {
          errors.push(`${module.moduleId} > ${suite.fullName}: ${text(error)}`);
        }
      }
    }
    this.write(errors, reason === 'interrupted');
  }

  // Earlier versions.
  onFinished(files = [], unhandled = []) {
    const errors = unhandled.map(text);
    const visit = (suite, file) => {
      for (const task of suite.tasks ?? []) {
        if (task.type === 'suite') {
          for (const error of task.result?.errors ?? []) {
            errors.push(`${file.filepath} > ${task.name}: ${text(error)}`);
          }
          visit(task, file);
        }
      }
    };
    for (const file of files) {
      visit(file, file);
    }
    this.write(errors, this.interrupted ?? false);
  }

  write(errors, interrupted) {
    this.interrupted = interrupted;
    writeFileSync(path, JSON.stringify({ errors, interrupted }));
  }
}
