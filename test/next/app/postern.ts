import { createPostern } from 'postern/next'
import settings from './postern.config'

export const postern = createPostern(settings)
