import { createPostern } from 'postern/next'
import settings from './postern.config.ts'

export const postern = createPostern(settings)
