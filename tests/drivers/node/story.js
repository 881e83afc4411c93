// What mysql2 must be able to do, by query() (text protocol) and by execute() (binary protocol).
'use strict';
const assert = require('node:assert');
const mysql = require('mysql2/promise');

async function main() {
  const [host, port, user, password, database] = process.argv.slice(2);
  const connection = await mysql.createConnection({
    host, port: Number(port), user, password, database, supportBigNumbers: true, bigNumberStrings: true, dateStrings: true,
  });
  await connection.query('CREATE TABLE p (id INT AUTO_INCREMENT PRIMARY KEY, name VARCHAR(50), price DECIMAL(10,2), n BIGINT UNSIGNED,' +
    ' f DOUBLE, at DATETIME(3), d DATE, b BLOB, ok TINYINT(1), doc JSON, t TIME)');
  for (const run of ['query', 'execute']) {
    await connection.query('DELETE FROM p');
    const values = ['Zoë 😀', '12.50', '18446744073709551615', 1.5, '2024-02-29 23:59:59.123', '2024-02-29', Buffer.from([0, 255, 39]), 1, '{"a": 1}', '-10:11:12'];
    const [inserted] = await connection[run]('INSERT INTO p (name, price, n, f, at, d, b, ok, doc, t) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)', values);
    assert.strictEqual(inserted.affectedRows, 1);
    assert.ok(inserted.insertId > 0);
    const [rows, fields] = await connection[run]('SELECT * FROM p WHERE name = ? AND price > ?', ['zoe 😀', 1]);
    assert.strictEqual(rows.length, 1);
    assert.deepStrictEqual([rows[0].name, rows[0].price, rows[0].n, rows[0].f, rows[0].at, rows[0].d, rows[0].ok, rows[0].t],
      ['Zoë 😀', '12.50', '18446744073709551615', 1.5, '2024-02-29 23:59:59.123', '2024-02-29', 1, '-10:11:12']);
    assert.deepStrictEqual([...rows[0].b], [0, 255, 39]);
    assert.strictEqual(fields[1].name, 'name');
    const [nothing] = await connection[run]('SELECT * FROM p WHERE id = ?', [-1]);
    assert.deepStrictEqual(nothing, []);
    const [nulls] = await connection[run]('SELECT ? AS a, ? AS b', [null, 'x']);
    assert.strictEqual(nulls[0].a, null);
    const [updated] = await connection[run]('UPDATE p SET price = price + ? WHERE name = ?', ['0.25', 'Zoë 😀']);
    assert.strictEqual(updated.affectedRows, 1);
    const [[sum]] = await connection[run]('SELECT SUM(price) AS s, COUNT(*) AS c FROM p');
    assert.strictEqual(String(sum.s), '12.75');
    await assert.rejects(connection[run]('SELECT * FROM nowhere'), (e) => e.errno === 1146 && e.code === 'ER_NO_SUCH_TABLE' && e.sqlState === '42S02');
    for (let i = 0; i < 50; i++) {
      const [[one]] = await connection[run]('SELECT ? + 1 AS n', [i]);
      assert.strictEqual(Number(one.n), i + 1);
    }
  }
  await assert.rejects(connection.query('INSERT INTO p (id) VALUES (7), (7)'), (e) => e.errno === 1062 && e.code === 'ER_DUP_ENTRY');
  await connection.beginTransaction();
  await connection.execute('DELETE FROM p');
  await connection.rollback();
  const [[left]] = await connection.query('SELECT COUNT(*) AS c FROM p');
  assert.strictEqual(Number(left.c), 1);
  await connection.end();

  const pool = mysql.createPool({ host, port: Number(port), user, password, database, connectionLimit: 5 });
  const all = await Promise.all(Array.from({ length: 50 }, (_, i) => pool.execute('SELECT ? AS n', [i])));
  assert.strictEqual(all.reduce((total, [rows]) => total + Number(rows[0].n), 0), 1225);
  await pool.end();
  console.log('told');
}

main().catch((problem) => { console.error(problem); process.exit(1); });
