/** Whether an `x-request-id` is echoed; any other is replaced. */
export const isRequestId = (id: unknown): id is string => typeof id === 'string' && requestId.test(id)

const requestId = /^[A-Za-z0-9._:-]{1,128}$/
