;; elementwise rank=2 f32,f32;MUL(0,1)[true, false]
(module
  (import "env" "memory" (memory 1))
  (import "env" "table" (table 1024 funcref))
  (func $k3 (param $step i32) (param $begin i32) (param $end i32) (param $scratch i32)
    (local $out i32)
    (local $count i32)
    (local $x0 i32)
    (local $x1 i32)
    (local $rest i32)
    (local $index i32)
    (local $left i32)
    (local $v0 v128)
    (local $v1 v128)
    (local $r2 v128)
    (local $v0.2 v128)
    (local $v1.2 v128)
    (local $r2.2 v128)
    local.get $begin
    local.get $end
    i32.lt_s
    if
      loop
        local.get $step
        i32.load offset=52
        local.set $count
        local.get $step
        i32.load offset=48
        local.get $begin
        local.get $count
        i32.mul
        i32.const 4
        i32.mul
        i32.add
        local.set $out
        local.get $step
        i32.load offset=60
        local.set $x0
        local.get $step
        i32.load offset=68
        local.set $x1
        local.get $begin
        local.set $rest
        local.get $rest
        local.get $step
        i32.load offset=56
        i32.rem_s
        local.set $index
        local.get $rest
        local.get $step
        i32.load offset=56
        i32.div_s
        local.set $rest
        local.get $x0
        local.get $index
        local.get $step
        i32.load offset=64
        i32.mul
        i32.add
        local.set $x0
        local.get $x1
        local.get $index
        local.get $step
        i32.load offset=72
        i32.mul
        i32.add
        local.set $x1
        local.get $count
        i32.const 2
        i32.shr_u
        local.set $left
        local.get $left
        if
          loop
            local.get $x0
            v128.load
            local.set $v0
            local.get $x1
            v128.load32_splat
            local.set $v1
            local.get $v0
            local.get $v1
            f32x4.mul
            local.set $r2
            local.get $out
            local.get $r2
            v128.store
            local.get $x0
            i32.const 16
            i32.add
            local.set $x0
            local.get $out
            i32.const 16
            i32.add
            local.set $out
            local.get $left
            i32.const 1
            i32.sub
            local.tee $left
            br_if 0
          end
        end
        local.get $count
        i32.const 3
        i32.and
        local.set $left
        local.get $left
        if
          loop
            local.get $x0
            v128.load32_zero
            local.set $v0.2
            local.get $x1
            v128.load32_splat
            local.set $v1.2
            local.get $v0.2
            local.get $v1.2
            f32x4.mul
            local.set $r2.2
            local.get $out
            local.get $r2.2
            v128.store32_lane 0
            local.get $x0
            i32.const 4
            i32.add
            local.set $x0
            local.get $out
            i32.const 4
            i32.add
            local.set $out
            local.get $left
            i32.const 1
            i32.sub
            local.tee $left
            br_if 0
          end
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
