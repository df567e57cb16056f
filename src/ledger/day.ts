const formatters = new Map<string, Intl.DateTimeFormat>();

/** Zones are whole quarters of an hour from UTC since 1972, so all instants of a quarter share their day. */
let lastAsked = { hour: '', quarter: 0, timeZone: '', day: '' };

/** The policy day of an instant, YYYY-MM-DD in an IANA time zone. */
export function dayOf(time: Date, timeZone: string): string {
  return dayOfRecord(time.toISOString(), timeZone);
}

/** The policy day of a record's time, as it is stored. Throws `RangeError` for an unknown zone. */
export function dayOfRecord(time: string, timeZone: string): string {
  const hour = time.slice(0, 'YYYY-MM-DDThh'.length);
  const quarter = Math.floor(Number(time.slice('YYYY-MM-DDThh:'.length, 'YYYY-MM-DDThh:mm'.length)) / 15);
  if (lastAsked.quarter !== quarter || lastAsked.hour !== hour || lastAsked.timeZone !== timeZone)
    lastAsked = { hour, quarter, timeZone, day: format(new Date(time), timeZone) };
  return lastAsked.day;
}

function format(time: Date, timeZone: string): string {
  // A start that needs no other zone is spared the loading of Intl's data, 10 ms.
  if (timeZone === 'UTC') return time.toISOString().slice(0, 'YYYY-MM-DD'.length);
  let formatter = formatters.get(timeZone);
  if (!formatter) {
    formatter = new Intl.DateTimeFormat('en-CA', {
      timeZone,
      year: 'numeric',
      month: '2-digit',
      day: '2-digit',
    });
    formatters.set(timeZone, formatter);
  }
  return formatter.format(time);
}

/** The first instant after a policy day, YYYY-MM-DD. */
export function endOfDay(day: string, timeZone: string): Date {
  // Midnight in UTC is in that day in every zone to the east, noon in every zone to the west.
  const midnight = new Date(`${day}T00:00:00Z`);
  const within = dayOf(midnight, timeZone) === day ? midnight : new Date(`${day}T12:00:00Z`);
  return nextDayStart(within, timeZone);
}

/** The first instant of the day after the one that holds `time`, to the minute. */
export function nextDayStart(time: Date, timeZone: string): Date {
  const today = dayOf(time, timeZone);
  const minute = 60_000;
  // Days last 23 to 25 hours where clocks change, so the boundary is searched, not computed.
  let low = Math.floor(time.getTime() / minute);
  let high = low + 26 * 60;
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (dayOf(new Date(middle * minute), timeZone) === today) low = middle;
    else high = middle;
  }
  return new Date(high * minute);
}
