/** `1,234,567`. (A formatter that is made as a command starts costs it 13 ms.) */
export const numberText = (value: number | bigint): string => value.toLocaleString('en-US')

/** `0.3 s`, `12 s` */
export const secondsText = (seconds: number): string => `${seconds < 10 ? seconds.toFixed(1) : Math.round(seconds)} s`

/** `1 error`, `2 errors`, `1,000 rows` */
export const counted = (n: number, one: string, many = `${one}s`): string => `${numberText(n)} ${n === 1 ? one : many}`
