"""The accept loop of python3-netfilterqueue, with room for as many packets as the other peers have."""
from netfilterqueue import NetfilterQueue

queue = NetfilterQueue()
queue.bind(0, lambda packet: packet.accept(), max_len=65535, sock_len=32 << 20)
queue.run()
