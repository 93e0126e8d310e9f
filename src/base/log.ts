/**
 * The log as everybody writes it: one sentence, then named fields. Secrets have no form that could be logged
 * (`PrivateKey` prints as a placeholder). docs/reference/log-fields.md lists the names of the fields.
 */

export type Level = 'debug' | 'info' | 'warn' | 'error'
export type Fields = Record<string, string | number | boolean | undefined>

export interface Logger {
  debug(message: string, fields?: Fields): void
  info(message: string, fields?: Fields): void
  warn(message: string, fields?: Fields): void
  error(message: string, fields?: Fields): void
}

const bare = /^[\w.:/@%+,-]+$/

/** One line, `level message key=value …`, values quoted where they hold anything but plain characters. */
export function logLine(level: Level, message: string, fields: Fields = {}): string {
  let line = `${level.padEnd(5)} ${message}`
  for (const [key, value] of Object.entries(fields)) {
    if (value === undefined) continue
    const text = String(value)
    line += ` ${key}=${bare.test(text) ? text : JSON.stringify(text)}`
  }
  return line
}

/** A logger that gives every line to `write`. */
export function createLogger(write: (level: Level, line: string) => void): Logger {
  const at = (level: Level) => (message: string, fields?: Fields) => write(level, logLine(level, message, fields))
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
}
