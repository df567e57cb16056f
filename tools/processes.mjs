import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';

const groups = new Set();

/**
 * Runs a command and collects what it prints. With a time limit it gets a process group of its own,
 * which ends with the command, or after the limit, to the last process.
 * @param {string} command
 * @param {string[]} parameters
 * @param {import('node:child_process').SpawnOptions & { limit?: number }} [options] limit in milliseconds
 * @returns {Promise<{ code: number | null, output: string }>}
 */
export async function capture(command, parameters, { limit, ...options } = {}) {
  const detached = limit !== undefined;
  const child = spawn(command, parameters, { ...options, detached, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text) => (output += text));
  const closed = new Promise((resolve) => {
    child.on('close', resolve);
    child.on('error', (error) => {
      output += error.message;
      resolve(null);
    });
  });
  if (!detached || child.pid === undefined) return { code: await closed, output };

  const endGroup = () => signal(-child.pid, 'SIGKILL');
  const timer = setTimeout(() => {
    output += `\nStopped after ${limit / 1000} s.`;
    endGroup();
  }, limit);
  groups.add(child.pid);
  // Processes that the command left behind would keep its output open.
  child.on('exit', endGroup);
  const code = await closed;
  clearTimeout(timer);
  groups.delete(child.pid);
  return { code, output };
}

/** Ends every process group that `capture` started and that still runs. */
export function killGroups() {
  for (const group of groups) signal(-group, 'SIGKILL');
}

/** Runs tasks, as many at once as there are processors but no more than two. */
export async function twoAtOnce(tasks) {
  const queue = tasks.entries();
  const results = [];
  const worker = async () => {
    for (const [index, task] of queue) results[index] = await task();
  };
  await Promise.all(Array.from({ length: Math.min(2, availableParallelism()) }, worker));
  return results;
}

/** Every running process, from /proc: none on other systems than Linux. */
export function processes() {
  if (!existsSync('/proc/self/stat')) return [];
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((name) => {
      // The command's name is in parentheses and may contain anything; state, parent and group follow.
      const [state, , group] = readProcess(name, 'stat')
        .replace(/^.*\) /s, '')
        .split(' ');
      return {
        pid: Number(name),
        group: Number(group),
        state,
        command: readProcess(name, 'cmdline').replaceAll('\0', ' '),
        environment: readProcess(name, 'environ').split('\0'),
      };
    })
    .filter(({ state }) => state && state !== 'Z');
}

function readProcess(pid, file) {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch {
    return '';
  }
}

/** Sends a signal; a process that has ended is ignored. */
export function signal(pid, name) {
  try {
    process.kill(pid, name);
  } catch (error) {
    if (error.code !== 'ESRCH') throw error;
  }
}
