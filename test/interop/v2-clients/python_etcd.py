"""The main operations of the Python client `python-etcd`, one line each: python_etcd.py PORT"""
import sys
import threading

import etcd
from etcd import auth

HOST = '127.0.0.1'
PORT = int(sys.argv[1])
client = etcd.Client(host=HOST, port=PORT, allow_reconnect=True, read_timeout=20)


def tell(what, value):
    print(what, value, flush=True)


def refused(error, run):
    try:
        run()
    except error as cause:
        return type(cause).__name__
    return 'accepted'


tell('write', client.write('/p/a', '1').value)
tell('read', client.read('/p/a').value)
tell('swap', client.write('/p/a', '2', prevValue='1').action)
tell('swap of another', refused(etcd.EtcdCompareFailed, lambda: client.write('/p/a', '3', prevValue='1')))
tell('exists', refused(etcd.EtcdAlreadyExist, lambda: client.write('/p/a', '3', prevExist=False)))
tell('not there', refused(etcd.EtcdKeyNotFound, lambda: client.read('/p/none')))
for value in ('x', 'y'):
    client.write('/p/queue', value, append=True)
tell('in order', [leaf.value for leaf in client.read('/p/queue', recursive=True, sorted=True).leaves])
tell('directory', client.write('/p/dir', None, dir=True).dir)
tell('no file', refused(etcd.EtcdNotFile, lambda: client.write('/p/dir', 'x')))
tell('ttl', client.write('/p/short', 'x', ttl=100).ttl > 0)
tell('refresh', client.refresh('/p/short', ttl=200).ttl > 100)
index = client.write('/p/w', 'old').modifiedIndex
tell('watch from', client.read('/p/w', wait=True, waitIndex=index).value)
threading.Timer(0.2, lambda: client.write('/p/w', 'new')).start()
tell('watch', client.watch('/p/w', index=index + 1).value)
client.write('/p/gone', 'x', ttl=1)
tell('expiry', client.watch('/p/gone', timeout=10).action)
node = client.read('/p/a')
node.value = 'updated'
tell('update', client.update(node).value)
tell('pop', client.pop('/p/a').value)
lock = etcd.Lock(client, 'name')
lock.acquire(blocking=True, lock_ttl=30)
tell('lock', lock.is_acquired)
lock.release()
tell('release', lock.is_acquired)
tell('members', len(client.members))
tell('leader', client.leader['name'])
tell('machines', client.machines)
tell('stats', client.stats['state'])
user = auth.EtcdUser(client, 'root')
user.password = 'secret'
user.write()
tell('users', user.names)
role = auth.EtcdRole(client, 'part')
role.grant('/part/*', 'RW')
role.write()
role = auth.EtcdRole(client, 'part')
role.read()
tell('acls', sorted((path, ''.join(sorted(rights))) for path, rights in role.acls.items()))
switch = auth.Auth(client)
switch.active = True
root = etcd.Client(host=HOST, port=PORT, username='root', password='secret')
tell('as root', root.write('/part/x', '1').value)
guest = auth.EtcdRole(root, 'guest')
guest.read()
tell('guest', sorted(guest.acls))
auth.Auth(root).active = False
tell('off', auth.Auth(client).active)
tell('delete', client.delete('/p', recursive=True).action)
