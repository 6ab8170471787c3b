/** The names in a variable of the environment: a list with commas. */
export function listed(variable: string): readonly string[] {
  return (process.env[variable] ?? '')
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
}
