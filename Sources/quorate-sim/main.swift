import Glibc
import PoolSimulator

exit(SimulatorCommand.run(Array(CommandLine.arguments.dropFirst())))
