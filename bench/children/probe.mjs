// Loaded into each process of the bench by --import: tells the CPU time of all its threads so far, when it is asked.
process.on('message', (message) => {
  if (message !== 'cpu') return
  const { user, system } = process.cpuUsage()
  process.send({ cpuMicros: user + system })
})
// Without the bench there is nothing left to do; and a process must not stay alive only to be asked.
process.on('disconnect', () => process.kill(process.pid, 'SIGTERM'))
process.channel.unref()
