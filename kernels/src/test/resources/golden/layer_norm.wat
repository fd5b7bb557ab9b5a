;; f32_layer_norm epsilon=730643660 bias
(module
  (import "env" "memory" (memory 1))
  (import "env" "table" (table 1024 funcref))
  (func $k3 (param $step i32) (param $begin i32) (param $end i32) (param $scratch i32)
    (local $columns i32)
    (local $x i32)
    (local $y i32)
    (local $scale i32)
    (local $bias i32)
    (local $four0 v128)
    (local $four1 v128)
    (local $four2 v128)
    (local $four3 v128)
    (local $value v128)
    (local $mean_four v128)
    (local $inverse_four v128)
    (local $sum f32)
    (local $mean f32)
    (local $inverse f32)
    (local $one f32)
    (local $left i32)
    (local $rest i32)
    (local $left.2 i32)
    (local $left.3 i32)
    (local $rest.2 i32)
    (local $left.4 i32)
    (local $left.5 i32)
    (local $rest.3 i32)
    (local $left.6 i32)
    local.get $step
    i32.load offset=64
    local.set $columns
    local.get $begin
    local.get $end
    i32.lt_s
    if
      loop
        local.get $step
        i32.load offset=48
        local.get $begin
        local.get $columns
        i32.mul
        i32.const 2
        i32.shl
        i32.add
        local.set $x
        v128.const i32x4 0 0 0 0
        local.set $four0
        v128.const i32x4 0 0 0 0
        local.set $four1
        v128.const i32x4 0 0 0 0
        local.set $four2
        v128.const i32x4 0 0 0 0
        local.set $four3
        f32.const 0.0
        local.set $sum
        local.get $columns
        i32.const 16
        i32.div_u
        local.set $left
        local.get $left
        if
          loop
            local.get $x
            v128.load
            local.get $four0
            f32x4.add
            local.set $four0
            local.get $x
            v128.load offset=16
            local.get $four1
            f32x4.add
            local.set $four1
            local.get $x
            v128.load offset=32
            local.get $four2
            f32x4.add
            local.set $four2
            local.get $x
            v128.load offset=48
            local.get $four3
            f32x4.add
            local.set $four3
            local.get $x
            i32.const 64
            i32.add
            local.set $x
            local.get $left
            i32.const 1
            i32.sub
            local.tee $left
            br_if 0
          end
        end
        local.get $columns
        i32.const 15
        i32.and
        local.set $rest
        local.get $rest
        i32.const 2
        i32.shr_u
        local.set $left.2
        local.get $left.2
        if
          loop
            local.get $x
            v128.load
            local.get $four0
            f32x4.add
            local.set $four0
            local.get $x
            i32.const 16
            i32.add
            local.set $x
            local.get $left.2
            i32.const 1
            i32.sub
            local.tee $left.2
            br_if 0
          end
        end
        local.get $rest
        i32.const 3
        i32.and
        local.set $left.2
        local.get $left.2
        if
          loop
            local.get $x
            f32.load
            local.get $sum
            f32.add
            local.set $sum
            local.get $x
            i32.const 4
            i32.add
            local.set $x
            local.get $left.2
            i32.const 1
            i32.sub
            local.tee $left.2
            br_if 0
          end
        end
        local.get $four0
        local.get $four1
        f32x4.add
        local.set $four0
        local.get $four0
        local.get $four2
        f32x4.add
        local.set $four0
        local.get $four0
        local.get $four3
        f32x4.add
        local.set $four0
        local.get $four0
        f32x4.extract_lane 0
        local.get $four0
        f32x4.extract_lane 1
        f32.add
        local.get $four0
        f32x4.extract_lane 2
        local.get $four0
        f32x4.extract_lane 3
        f32.add
        f32.add
        local.get $sum
        f32.add
        local.get $columns
        f32.convert_i32_s
        f32.div
        local.set $mean
        local.get $mean
        f32x4.splat
        local.set $mean_four
        local.get $step
        i32.load offset=48
        local.get $begin
        local.get $columns
        i32.mul
        i32.const 2
        i32.shl
        i32.add
        local.set $x
        v128.const i32x4 0 0 0 0
        local.set $four0
        v128.const i32x4 0 0 0 0
        local.set $four1
        v128.const i32x4 0 0 0 0
        local.set $four2
        v128.const i32x4 0 0 0 0
        local.set $four3
        f32.const 0.0
        local.set $sum
        local.get $columns
        i32.const 16
        i32.div_u
        local.set $left.3
        local.get $left.3
        if
          loop
            local.get $x
            v128.load
            local.get $mean_four
            f32x4.sub
            local.set $value
            local.get $value
            local.get $value
            f32x4.mul
            local.get $four0
            f32x4.add
            local.set $four0
            local.get $x
            v128.load offset=16
            local.get $mean_four
            f32x4.sub
            local.set $value
            local.get $value
            local.get $value
            f32x4.mul
            local.get $four1
            f32x4.add
            local.set $four1
            local.get $x
            v128.load offset=32
            local.get $mean_four
            f32x4.sub
            local.set $value
            local.get $value
            local.get $value
            f32x4.mul
            local.get $four2
            f32x4.add
            local.set $four2
            local.get $x
            v128.load offset=48
            local.get $mean_four
            f32x4.sub
            local.set $value
            local.get $value
            local.get $value
            f32x4.mul
            local.get $four3
            f32x4.add
            local.set $four3
            local.get $x
            i32.const 64
            i32.add
            local.set $x
            local.get $left.3
            i32.const 1
            i32.sub
            local.tee $left.3
            br_if 0
          end
        end
        local.get $columns
        i32.const 15
        i32.and
        local.set $rest.2
        local.get $rest.2
        i32.const 2
        i32.shr_u
        local.set $left.4
        local.get $left.4
        if
          loop
            local.get $x
            v128.load
            local.get $mean_four
            f32x4.sub
            local.set $value
            local.get $value
            local.get $value
            f32x4.mul
            local.get $four0
            f32x4.add
            local.set $four0
            local.get $x
            i32.const 16
            i32.add
            local.set $x
            local.get $left.4
            i32.const 1
            i32.sub
            local.tee $left.4
            br_if 0
          end
        end
        local.get $rest.2
        i32.const 3
        i32.and
        local.set $left.4
        local.get $left.4
        if
          loop
            local.get $x
            f32.load
            local.get $mean
            f32.sub
            local.set $one
            local.get $one
            local.get $one
            f32.mul
            local.get $sum
            f32.add
            local.set $sum
            local.get $x
            i32.const 4
            i32.add
            local.set $x
            local.get $left.4
            i32.const 1
            i32.sub
            local.tee $left.4
            br_if 0
          end
        end
        local.get $four0
        local.get $four1
        f32x4.add
        local.set $four0
        local.get $four0
        local.get $four2
        f32x4.add
        local.set $four0
        local.get $four0
        local.get $four3
        f32x4.add
        local.set $four0
        local.get $four0
        f32x4.extract_lane 0
        local.get $four0
        f32x4.extract_lane 1
        f32.add
        local.get $four0
        f32x4.extract_lane 2
        local.get $four0
        f32x4.extract_lane 3
        f32.add
        f32.add
        local.get $sum
        f32.add
        local.get $columns
        f32.convert_i32_s
        f32.div
        f32.const 1.0E-12
        f32.add
        f32.sqrt
        local.set $inverse
        f32.const 1.0
        local.get $inverse
        f32.div
        local.tee $inverse
        f32x4.splat
        local.set $inverse_four
        local.get $step
        i32.load offset=48
        local.get $begin
        local.get $columns
        i32.mul
        i32.const 2
        i32.shl
        i32.add
        local.set $x
        local.get $step
        i32.load offset=60
        local.get $begin
        local.get $columns
        i32.mul
        i32.const 2
        i32.shl
        i32.add
        local.set $y
        local.get $step
        i32.load offset=52
        local.set $scale
        local.get $step
        i32.load offset=56
        local.set $bias
        local.get $columns
        i32.const 16
        i32.div_u
        local.set $left.5
        local.get $left.5
        if
          loop
            local.get $y
            local.get $x
            v128.load
            local.get $mean_four
            f32x4.sub
            local.get $inverse_four
            f32x4.mul
            local.get $scale
            v128.load
            f32x4.mul
            local.get $bias
            v128.load
            f32x4.add
            v128.store
            local.get $y
            local.get $x
            v128.load offset=16
            local.get $mean_four
            f32x4.sub
            local.get $inverse_four
            f32x4.mul
            local.get $scale
            v128.load offset=16
            f32x4.mul
            local.get $bias
            v128.load offset=16
            f32x4.add
            v128.store offset=16
            local.get $y
            local.get $x
            v128.load offset=32
            local.get $mean_four
            f32x4.sub
            local.get $inverse_four
            f32x4.mul
            local.get $scale
            v128.load offset=32
            f32x4.mul
            local.get $bias
            v128.load offset=32
            f32x4.add
            v128.store offset=32
            local.get $y
            local.get $x
            v128.load offset=48
            local.get $mean_four
            f32x4.sub
            local.get $inverse_four
            f32x4.mul
            local.get $scale
            v128.load offset=48
            f32x4.mul
            local.get $bias
            v128.load offset=48
            f32x4.add
            v128.store offset=48
            local.get $x
            i32.const 64
            i32.add
            local.set $x
            local.get $y
            i32.const 64
            i32.add
            local.set $y
            local.get $scale
            i32.const 64
            i32.add
            local.set $scale
            local.get $bias
            i32.const 64
            i32.add
            local.set $bias
            local.get $left.5
            i32.const 1
            i32.sub
            local.tee $left.5
            br_if 0
          end
        end
        local.get $columns
        i32.const 15
        i32.and
        local.set $rest.3
        local.get $rest.3
        i32.const 2
        i32.shr_u
        local.set $left.6
        local.get $left.6
        if
          loop
            local.get $y
            local.get $x
            v128.load
            local.get $mean_four
            f32x4.sub
            local.get $inverse_four
            f32x4.mul
            local.get $scale
            v128.load
            f32x4.mul
            local.get $bias
            v128.load
            f32x4.add
            v128.store
            local.get $x
            i32.const 16
            i32.add
            local.set $x
            local.get $y
            i32.const 16
            i32.add
            local.set $y
            local.get $scale
            i32.const 16
            i32.add
            local.set $scale
            local.get $bias
            i32.const 16
            i32.add
            local.set $bias
            local.get $left.6
            i32.const 1
            i32.sub
            local.tee $left.6
            br_if 0
          end
        end
        local.get $rest.3
        i32.const 3
        i32.and
        local.set $left.6
        local.get $left.6
        if
          loop
            local.get $y
            local.get $x
            f32.load
            local.get $mean
            f32.sub
            local.get $inverse
            f32.mul
            local.get $scale
            f32.load
            f32.mul
            local.get $bias
            f32.load
            f32.add
            f32.store
            local.get $x
            i32.const 4
            i32.add
            local.set $x
            local.get $y
            i32.const 4
            i32.add
            local.set $y
            local.get $scale
            i32.const 4
            i32.add
            local.set $scale
            local.get $bias
            i32.const 4
            i32.add
            local.set $bias
            local.get $left.6
            i32.const 1
            i32.sub
            local.tee $left.6
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
