/** What a process does: answer HTTP; bring the push log online and free what is due. */
export const servedRoles = ['api', 'worker'] as const
export type Role = (typeof servedRoles)[number]
