;; gather index=i64
(module
  (import "env" "memory" (memory 1))
  (import "env" "table" (table 1024 funcref))
  (func $k3 (param $step i32) (param $begin i32) (param $end i32) (param $scratch i32)
    (local $axis i32)
    (local $inner i32)
    (local $count i32)
    (local $index i32)
    (local $at i32)
    (local $full i64)
    local.get $step
    i32.load offset=60
    local.set $axis
    local.get $step
    i32.load offset=64
    local.set $inner
    local.get $step
    i32.load offset=68
    local.set $count
    local.get $begin
    local.get $end
    i32.lt_s
    if
      loop
        local.get $step
        i32.load offset=52
        local.get $begin
        local.get $count
        i32.rem_s
        i32.const 3
        i32.shl
        i32.add
        i64.load
        local.set $full
        local.get $full
        i32.wrap_i64
        i32.const 2147483647
        local.get $full
        i32.wrap_i64
        i64.extend_i32_s
        local.get $full
        i64.eq
        select
        local.set $index
        local.get $index
        local.get $axis
        i32.add
        local.get $index
        local.get $index
        i32.const 0
        i32.lt_s
        select
        local.tee $at
        local.get $axis
        i32.ge_u
        if
          i32.const 0
          local.get $step
          i32.store offset=264
          i32.const 0
          local.get $index
          i32.store offset=268
          i32.const 0
          i32.const 2
          i32.store offset=260
        else
          local.get $step
          i32.load offset=56
          local.get $begin
          local.get $inner
          i32.mul
          i32.add
          local.get $step
          i32.load offset=48
          local.get $begin
          local.get $count
          i32.div_s
          local.get $axis
          i32.mul
          local.get $at
          i32.add
          local.get $inner
          i32.mul
          i32.add
          local.get $inner
          memory.copy
        end
        local.get $begin
        i32.const 1
        i32.add
        local.tee $begin
        local.get $end
        i32.lt_s
        br_if 0
      end
    end
  )
  (elem (i32.const 3) $k3)
)
